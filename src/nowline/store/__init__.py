"""Where rows and documents rest: the time-series store, its catalogue, and the documents."""
