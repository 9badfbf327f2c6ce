import Pipelines
import StageKit

/// Says in one line why an instance has to execute, by comparing with its last job.
struct Reason {
  var text: String
  /// The job that it was compared with.
  var comparedJob: Int?

  static func of(_ miss: Assessor.Miss, instance: Instance, provenance: any Provenance) throws
    -> Reason
  {
    let previous = try provenance.latestJob(of: instance.address)
    var text: String
    switch miss.cause {
    case .forced: text = "forced"
    case .objectMissing(let port): text = "its output '\(port)' is no longer in the store"
    case .itemsLeftOut: text = "items that failed were left out, and now none may be"
    case .noResult:
      if let previous, let key = previous.actionKey {
        if key == miss.digest {
          text =
            previous.decision == .failed || previous.decision == .interrupted
            ? "it \(previous.decision == .failed ? "failed" : "was interrupted") last time"
            : "its result is no longer in the store"
        } else {
          let explanation = Explanation(
            from: try provenance.fields(of: key), to: miss.key.fields)
          text = explanation.changes.isEmpty ? "its key changed" : "\(explanation.summary) changed"
        }
      } else {
        text = "first run"
      }
    }
    if let items = miss.items { text = describe(items) ?? text }
    return Reason(text: text, comparedJob: previous?.id)
  }

  /// `1 new item (p34.mp4)`, `2 changed items (…)`; `nil` where all items have to run.
  private static func describe(_ items: ItemSet) -> String? {
    let pending = items.pending
    guard pending.count < items.count else { return nil }
    guard let first = pending.first else { return "other items than before, each with a result" }
    let changed = pending.count(where: items.wasKnown)
    let new = pending.count - changed
    func phrase(_ count: Int, _ word: String) -> String? {
      count == 0 ? nil : "\(count) \(word) item\(count == 1 ? "" : "s")"
    }
    let parts = [phrase(new, "new"), phrase(changed, "changed")].compactMap { $0 }
    return "\(parts.joined(separator: ", ")) (\(items.id(first))\(pending.count > 1 ? ", …" : ""))"
  }
}
