import Pipelines
import StageKit

/// What a run would do with one instance.
public struct Forecast: Sendable {
  public enum Verdict: Hashable, Sendable {
    case hit
    /// It would execute, for this reason; of an `each:` stage, how many items of how many.
    case run(reason: String, items: Int?, of: Int?)
    /// Something before it would run; whether it runs too depends on what comes out.
    case mayBeCutOff(follows: String)
    /// It cannot be assessed: a problem with its inputs.
    case problem(String)
  }

  public var index: Int
  public var verdict: Verdict
}

extension Assessor {
  /// Says of each selected instance what a run would do; executes and stores nothing.
  public func forecast(selection: Set<Int>, forced: Set<Int>, provenance: any Provenance) throws
    -> [Forecast]
  {
    var forecasts: [Forecast] = []
    for index in plan.instances.indices where selection.contains(index) {
      forecasts.append(
        Forecast(
          index: index,
          verdict: try verdict(of: index, forced: forced.contains(index), provenance)))
    }
    return forecasts
  }

  private func verdict(of index: Int, forced: Bool, _ provenance: any Provenance) throws
    -> Forecast.Verdict
  {
    let instance = plan.instances[index]
    guard isReady(index) else {
      let cause = instance.inputs.flatMap(\.sources).first { resolved[$0.producer] == nil }
      let follows = cause.map { plan.instances[$0.producer].address } ?? ""
      return forced ? .run(reason: "forced", items: nil, of: nil) : .mayBeCutOff(follows: follows)
    }
    do {
      switch try assess(index, forced: forced) {
      case .hit(let record):
        resolve(index, with: record, decision: .hit)
        return .hit
      case .miss(let miss):
        let reason = try Reason.of(miss, instance: instance, provenance: provenance)
        let pending = miss.items?.pending.count
        if let lost = producersWithLostObjects(of: miss).first {
          return .run(
            reason: "objects of '\(plan.instances[lost].address)' are no longer in the store",
            items: pending, of: miss.items?.count)
        }
        return .run(reason: reason.text, items: pending, of: miss.items?.count)
      }
    } catch let problem as Diagnostic {
      return .problem("\(problem)")
    }
  }
}
