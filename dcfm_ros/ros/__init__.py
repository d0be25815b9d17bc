"""The live node and the bag player: the only folder that imports rclpy, and not from here."""
