"""Symmetric training of DCFM from sparse labels.

To read it: `settings`, then the way of a sample (`data`, `samples`, `augment`, `motion`), of the
loss (`loss`, `objective`) and of a run (`start`, `trainer`, `validation`, `state`). `sync_norm`
and `dcfm_ros.processes` make several processes compute what one would.
"""
