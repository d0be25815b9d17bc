"""The live node: the only folder that imports rclpy. Importing the package itself imports neither rclpy nor torch."""
