internal import Foundation

/// The probability of at least so many successes in independent trials.
///
/// P(X ≥ k), X binomial of n trials, summed term by term in logarithms.
/// - Parameters:
///   - successes: k; 0 or less gives 1, above `trials` 0
///   - trials: n, at least 0
///   - probability: of one success, 0 to 1
public func binomialTail(_ successes: Int, of trials: Int, probability: Double) -> Double {
  precondition(trials >= 0 && (0...1).contains(probability), "no binomial distribution")
  guard successes > 0 else { return 1 }
  guard successes <= trials, probability > 0 else { return 0 }
  guard probability < 1 else { return 1 }
  var choices = 0.0
  var sum = 0.0
  for count in 1...trials {
    choices += log(Double(trials - count + 1)) - log(Double(count))
    guard count >= successes else { continue }
    sum += exp(
      choices + Double(count) * log(probability) + Double(trials - count) * log1p(-probability))
  }
  return min(1, sum)
}
