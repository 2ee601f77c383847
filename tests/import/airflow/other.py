print("no ingestion")
