"""The published study, reproduced: cases, their runs, and a table of every number and trend beside ours."""
