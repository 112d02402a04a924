"""A small network between namespaces, for `pairwall demo` and the namespace tests. Needs root; knows no engine."""
