import Foundation

/// Whether two numbers agree within a relative or an absolute tolerance, whichever is wider.
public func isClose(
  _ a: Double, _ b: Double, relative: Double = 1e-9, absolute: Double = 0
) -> Bool {
  a == b || abs(a - b) <= max(relative * max(abs(a), abs(b)), absolute)
}
