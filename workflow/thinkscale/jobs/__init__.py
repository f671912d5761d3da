"""What the scripts of the DAG call, one module a job."""
