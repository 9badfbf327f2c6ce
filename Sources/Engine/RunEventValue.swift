public import StageKit

extension RunEvent {
  /// The event as `run --json` prints it and the provenance keeps it, with a stable order of keys.
  public var value: Value {
    switch self {
    case .planned(let total, let cached):
      return object("planned", ["instances": .integer(total), "cached": .integer(cached)])
    case .reused(let instance, let decision, let items, let saved):
      return object(
        "reused",
        [
          "instance": .string(instance), "decision": .string(decision.rawValue),
          "items": items.map { .integer($0) } ?? .null, "saved_s": .number(saved),
        ])
    case .started(let instance, let reason, let items, let cached):
      return object(
        "started",
        [
          "instance": .string(instance), "reason": .string(reason),
          "items": items.map { .integer($0) } ?? .null, "cached_items": .integer(cached),
        ])
    case .waiting(let instance, let reason):
      return object("waiting", ["instance": .string(instance), "reason": .string(reason)])
    case .progress(let instance, let item, let done, let total, let unit):
      return object(
        "progress",
        [
          "instance": .string(instance), "item": item.map { .string($0) } ?? .null,
          "done": .number(done), "total": total.map { .number($0) } ?? .null,
          "unit": .string(unit),
        ])
    case .metric(let instance, let metric):
      return object(
        "metric",
        [
          "instance": .string(instance), "name": .string(metric.name),
          "split": metric.split.map { .string($0) } ?? .null,
          "step": metric.step.map { .integer($0) } ?? .null, "value": .number(metric.value),
        ])
    case .message(let instance, let item, let text):
      return object(
        "message",
        [
          "instance": .string(instance), "item": item.map { .string($0) } ?? .null,
          "text": .string(text),
        ])
    case .itemEnded(let instance, let item, let done, let total, let seconds):
      return object(
        "item",
        [
          "instance": .string(instance), "item": .string(item), "done": .integer(done),
          "total": .integer(total), "wall_s": .number(seconds),
        ])
    case .finished(let instance, let seconds, let items, let cached, let skipped):
      return object(
        "finished",
        [
          "instance": .string(instance), "wall_s": .number(seconds),
          "items": items.map { .integer($0) } ?? .null, "cached_items": .integer(cached),
          "left_out": .list(skipped.map { .string($0) }),
        ])
    case .failed(let failure):
      return object(
        "failed",
        [
          "instance": .string(failure.instance),
          "item": failure.item.map { .string($0) } ?? .null, "message": .string(failure.message),
          "exit_code": failure.exitCode.map { .integer($0) } ?? .null,
          "signal": failure.signal.map { .integer($0) } ?? .null,
          "log": failure.logPath.map { .string($0) } ?? .null,
          "log_tail": .list(failure.logTail.map { .string($0) }),
        ])
    case .notRun(let instance, let decision, let reason):
      return object(
        "not_run",
        [
          "instance": .string(instance), "decision": .string(decision.rawValue),
          "reason": .string(reason),
        ])
    case .warning(let text): return object("warning", ["text": .string(text)])
    case .ended(let summary):
      let counts = Decision.allCases.map {
        Value.Pair($0.rawValue, .integer(summary.counts[$0] ?? 0))
      }
      return object(
        "ended",
        [
          "run": .integer(summary.run), "status": .string(summary.status.rawValue),
          "counts": .map(counts), "wall_s": .number(summary.seconds),
          "saved_s": .number(summary.savedSeconds),
        ])
    }
  }

  private func object(_ name: String, _ fields: KeyValuePairs<String, Value>) -> Value {
    .map(
      [Value.Pair("schema_version", 1), Value.Pair("event", .string(name))]
        + fields.map { Value.Pair($0.key, $0.value) })
  }
}
