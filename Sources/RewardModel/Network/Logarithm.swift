import Glibc

/// The natural logarithm in single precision.
func logarithm(_ x: Float) -> Float { Glibc.logf(x) }
