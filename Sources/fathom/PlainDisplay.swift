import Engine
import Foundation
import Pipelines
import Synchronization

/// One line an event, for pipes and logs: `[done/total] stage  ran  1.2s`.
final class PlainDisplay: RunObserver {
  private struct State {
    var total = 0
    var done = 0
    var sweeping = true
    var lastProgress: [String: Double] = [:]
  }

  private let plan: Plan
  private let options: CommonOptions
  private let showsProgress: Bool
  private let state = Mutex(State())
  private let out = Terminal.standardError

  init(plan: Plan, options: CommonOptions, showsProgress: Bool) {
    self.plan = plan
    self.options = options
    self.showsProgress = showsProgress
  }

  func observe(_ event: RunEvent) {
    state.withLock { state in
      if let line = line(event, &state) { out.write(line + "\n") }
    }
  }

  private func line(_ event: RunEvent, _ state: inout State) -> String? {
    switch event {
    case .planned(let total, let cached):
      state.total = total
      state.sweeping = false
      return options.quiet ? nil : RunText.header(plan, total: total, cached: cached, out)
    case .reused(let instance, let decision, let items, _):
      state.done += 1
      guard options.verbose || (!state.sweeping && !options.quiet) else { return nil }
      return numbered(state, instance, RunText.reused(decision, items: items, out))
    case .started(let instance, let reason, let items, let cached):
      guard !options.quiet else { return nil }
      let count = items.map { ", \($0 - cached) of \(Wording.count($0, "item"))" } ?? ""
      return numbered(state, instance, "start  \(reason.printable)\(count)")
    case .waiting(let instance, let reason):
      return numbered(state, instance, out.paint("wait", .yellow) + "  \(reason.printable)")
    case .progress(let instance, let item, let done, let total, let unit):
      let now = Date().timeIntervalSince1970
      // A log has no use for ten lines a second.
      guard showsProgress, !options.quiet, now - (state.lastProgress[instance] ?? now) >= 10 else {
        if state.lastProgress[instance] == nil { state.lastProgress[instance] = now }
        return nil
      }
      state.lastProgress[instance] = now
      return numbered(
        state, item.map { "\(instance) \($0.printable)" } ?? instance,
        RunText.progress(done: done, total: total, unit: unit))
    case .itemEnded(let instance, let item, let done, let total, let seconds):
      guard options.verbose else { return nil }
      return numbered(
        state, "\(instance) \(item.printable)",
        "item \(done)/\(total)  \(Wording.duration(seconds))")
    case .message(let instance, let item, let text):
      guard !options.quiet else { return nil }
      return numbered(
        state, item.map { "\(instance) \($0.printable)" } ?? instance, text.printable)
    case .metric: return nil
    case .finished(let instance, let seconds, let items, let cached, let skipped):
      state.done += 1
      guard !options.quiet else { return nil }
      return numbered(
        state, instance,
        RunText.finished(seconds: seconds, items: items, cached: cached, skipped: skipped, out))
    case .failed(let failure):
      state.done += 1
      return RunText.failure(failure, out)
    case .notRun(let instance, let decision, let reason):
      state.done += 1
      guard !options.quiet else { return nil }
      return numbered(state, instance, "\(decision.rawValue)  \(reason.printable)")
    case .warning(let text): return out.paint("warning: ", .yellow) + text
    case .ended: return nil
    }
  }

  private func numbered(_ state: State, _ instance: String, _ text: String) -> String {
    "[\(state.done)/\(state.total)] \(instance)  \(text)"
  }
}

/// The words that all displays share.
enum RunText {
  static func header(_ plan: Plan, total: Int, cached: Int, _ out: Terminal) -> String {
    let profiles = plan.profiles.isEmpty ? "" : " · \(plan.profiles.joined(separator: ", "))"
    return out.paint(plan.name, .bold)
      + "\(profiles) · \(Wording.count(total, "instance")): \(total - cached) to run, \(cached) cached"
  }

  static func reused(_ decision: Decision, items: Int?, _ out: Terminal) -> String {
    let count = items.map { "  \(Wording.count($0, "item"))" } ?? ""
    return decision == .cutOff
      ? out.paint("cut", .cyan) + "  same inputs as before" + count
      : out.paint("hit", .dim) + count
  }

  static func finished(
    seconds: Double, items: Int?, cached: Int, skipped: [String], _ out: Terminal
  ) -> String {
    var text = out.paint("ran", .green)
    if let items {
      text += "  \(Wording.count(items, "item"))"
      if cached > 0 { text += ", \(cached) cached" }
    }
    if !skipped.isEmpty {
      let names = skipped.prefix(5).map(\.printable).joined(separator: ", ")
      text += out.paint(
        ", \(skipped.count) left out (\(names)\(skipped.count > 5 ? ", …" : ""))", .yellow)
    }
    return text + "  " + Wording.duration(seconds)
  }

  static func progress(done: Double, total: Double?, unit: String) -> String {
    let of = total.map { "/\(Int($0))" } ?? ""
    return "\(Int(done))\(of) \(unit)"
  }

  /// What failed, the end of its log, where the whole log is, and what to try next.
  static func failure(_ failure: Failure, _ out: Terminal) -> String {
    var text = out.paint("failed", .red) + "  \(failure.instance)"
    if let item = failure.item { text += " \(item.printable)" }
    text += ": \(failure.message)"
    for line in failure.logTail { text += "\n    | \(line)" }
    if let path = failure.logPath { text += "\n    log: \(short(path))" }
    text += "\n    try: fathom run \(failure.instance) -v"
    return text
  }

  static func summary(_ summary: RunOutcome, _ out: Terminal) -> String {
    func count(_ decision: Decision) -> Int { summary.counts[decision] ?? 0 }
    var parts = [
      "\(count(.run)) run", "\(count(.hit)) cached", "\(count(.cutOff)) cut off",
      "\(count(.failed)) failed",
    ]
    for decision in [Decision.skipped, .cancelled, .interrupted] where count(decision) > 0 {
      parts.append("\(count(decision)) \(decision.rawValue)")
    }
    var line = parts.joined(separator: ", ") + " in \(Wording.duration(summary.seconds))"
    line += ", saved \(Wording.duration(summary.savedSeconds))"
    if count(.failed) > 0 { line = out.paint(line, .red) }
    return line + out.paint("   run \(summary.run) · fathom show \(summary.run)", .dim)
  }

  /// A path relative to the current folder, where it lies inside.
  static func short(_ path: String) -> String {
    let here = FileManager.default.currentDirectoryPath
    return path.hasPrefix(here + "/") ? String(path.dropFirst(here.count + 1)) : path
  }
}
