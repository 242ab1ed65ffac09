"""What one notebook needs beyond `snlm_lib.step`: joins a step to change, measure and record, one file a notebook."""
