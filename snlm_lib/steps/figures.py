"""What 05 and 06 draw: samples of this record, through `snlm_lib.record.charts`."""
