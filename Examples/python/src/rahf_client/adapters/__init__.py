"""One small file per trainer, with the exact signature it calls. None imports the trainer it serves unless it must."""
