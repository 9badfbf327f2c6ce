internal import Foundation

/// The learning rate of each step.
public struct Schedule: Hashable, Sendable {
  public enum Course: Hashable, Sendable {
    case constant
    /// Times `factor` from each of these steps on.
    case steps(at: [Int], factor: Double)
    /// Half a cosine from the rate to `floor` at step `total`. Source: Loshchilov & Hutter (2017).
    case cosine(total: Int, floor: Double)
  }

  public var rate: Double
  public var course: Course
  /// Steps in which the rate grows linearly to its full value. Source: Goyal et al. (2017).
  public var warmUp: Int

  public init(rate: Double, course: Course = .constant, warmUp: Int = 0) throws {
    var isValid = rate > 0 && rate.isFinite && warmUp >= 0
    switch course {
    case .constant: break
    case .steps(let at, let factor): isValid = isValid && at == at.sorted() && factor > 0
    case .cosine(let total, let floor): isValid = isValid && total > warmUp && floor >= 0
    }
    guard isValid else {
      throw LearningError(
        .badSetting,
        "rate \(rate), \(course), warm-up \(warmUp): expected a rate above 0, steps in order, a"
          + " factor above 0, a total above the warm-up, a floor of at least 0")
    }
    self.rate = rate
    self.course = course
    self.warmUp = warmUp
  }

  /// - Parameter step: counted from 0
  public func rate(at step: Int) -> Double {
    if step < warmUp { return rate * Double(step + 1) / Double(warmUp) }
    switch course {
    case .constant: return rate
    case .steps(let at, let factor):
      return at.reduce(rate) { step >= $1 ? $0 * factor : $0 }
    case .cosine(let total, let floor):
      let share = min(1, Double(step - warmUp) / Double(total - warmUp))
      return floor + (rate - floor) * (1 + cos(.pi * share)) / 2
    }
  }
}
