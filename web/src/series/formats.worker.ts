// The first formats of a browser's process take tens of milliseconds, in which nothing else
// happens on the thread that makes them.
new Intl.NumberFormat().format(0);
new Intl.DateTimeFormat().format(0);
self.close();
