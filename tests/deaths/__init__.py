"""Deaths and signals of both processes, judged from what participants receive. Real processes."""
