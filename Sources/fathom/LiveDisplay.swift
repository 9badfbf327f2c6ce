import Engine
import Foundation
import Pipelines
import Synchronization

/// For a person at a terminal: what has ended scrolls by, what runs stays at the bottom with its
/// rate, and a bar tells how far the run is and how long it will take.
final class LiveDisplay: RunObserver {
  private struct Running {
    var begun: Double
    var text = ""
    var items: Int?
    var itemsDone = 0
    var share = 0.0
    var metrics: [(name: String, value: Double)] = []
    var progress: (done: Double, total: Double?, unit: String)?
    var waits = false
  }

  private struct State {
    var total = 0
    var done = 0
    var executed = 0
    var executedSeconds = 0.0
    var begun = 0.0
    var sweeping = true
    var ended = false
    var running: [String: Running] = [:]
    var order: [String] = []
    var shownLines = 0
    var lastDraw = 0.0
  }

  private let plan: Plan
  private let options: CommonOptions
  private let out = Terminal.standardError
  private let state = Mutex(State())

  init(plan: Plan, options: CommonOptions) {
    self.plan = plan
    self.options = options
  }

  func observe(_ event: RunEvent) {
    state.withLock { state in
      let line = apply(event, &state)
      let now = Date().timeIntervalSince1970
      if case .planned = event { redrawWhileRunning() }
      if case .ended = event { state.ended = true }
      guard line != nil || state.ended || now - state.lastDraw > 0.1 else { return }
      redraw(&state, now, after: line)
    }
  }

  /// Times and rates go on between events.
  private func redrawWhileRunning() {
    Task { [weak self] in
      while true {
        try? await Task.sleep(for: .milliseconds(200))
        guard let self else { return }
        let ended = self.state.withLock { state in
          if !state.ended { self.redraw(&state, Date().timeIntervalSince1970, after: nil) }
          return state.ended
        }
        if ended { return }
      }
    }
  }

  private func redraw(_ state: inout State, _ now: Double, after line: String?) {
    state.lastDraw = now
    var text = erase(&state)
    if let line { text += line + "\n" }
    if !state.ended && !state.sweeping { text += draw(&state, now) }
    out.write(text)
  }

  /// Changes the state; returns a line that stays.
  private func apply(_ event: RunEvent, _ state: inout State) -> String? {
    let now = Date().timeIntervalSince1970
    switch event {
    case .planned(let total, let cached):
      state.total = total
      state.begun = now
      state.sweeping = false
      return RunText.header(plan, total: total, cached: cached, out)
    case .reused(let instance, let decision, let items, _):
      state.done += 1
      guard options.verbose || !state.sweeping else { return nil }
      return "  \(RunText.reused(decision, items: items, out))  \(instance)"
    case .started(let instance, let reason, let items, let cached):
      state.running[instance] = Running(
        begun: now, text: reason.printable, items: items, itemsDone: cached)
      if !state.order.contains(instance) { state.order.append(instance) }
      return nil
    case .waiting(let instance, let reason):
      if state.running[instance] == nil {
        state.running[instance] = Running(begun: now)
        state.order.append(instance)
      }
      state.running[instance]?.text = reason.printable
      state.running[instance]?.waits = true
      return nil
    case .progress(let instance, _, let done, let total, let unit):
      state.running[instance]?.progress = (done, total, unit)
      state.running[instance]?.waits = false
      return nil
    case .metric(let instance, let metric):
      var metrics = state.running[instance]?.metrics ?? []
      metrics.removeAll { $0.name == metric.name }
      metrics.append((metric.name, metric.value))
      state.running[instance]?.metrics = metrics.suffix(3)
      return nil
    case .message(let instance, let item, let text):
      let place = item.map { "\(instance) \($0.printable)" } ?? instance
      return "  \(out.paint("note", .yellow))  \(place): \(text.printable)"
    case .itemEnded(let instance, _, let done, _, _):
      state.running[instance]?.itemsDone = done
      return nil
    case .finished(let instance, let seconds, let items, let cached, let skipped):
      remove(instance, &state)
      state.executed += 1
      state.executedSeconds += seconds
      let text = RunText.finished(
        seconds: seconds, items: items, cached: cached, skipped: skipped, out)
      return "  \(text)  \(instance)"
    case .failed(let failure):
      remove(failure.instance, &state)
      return RunText.failure(failure, out)
    case .notRun(let instance, let decision, let reason):
      remove(instance, &state)
      return options.verbose ? "  \(decision.rawValue)  \(instance)  \(reason.printable)" : nil
    case .warning(let text): return out.paint("warning: ", .yellow) + text
    case .ended: return nil
    }
  }

  private func remove(_ instance: String, _ state: inout State) {
    state.done += 1
    state.running[instance] = nil
    state.order.removeAll { $0 == instance }
  }

  private func erase(_ state: inout State) -> String {
    defer { state.shownLines = 0 }
    return state.shownLines == 0 ? "" : "\u{1b}[\(state.shownLines)A\u{1b}[J"
  }

  private func draw(_ state: inout State, _ now: Double) -> String {
    let width = max(20, out.width - 1)
    var lines: [String] = []
    for name in state.order.prefix(8) {
      guard let running = state.running[name] else { continue }
      lines.append(describe(name, running, now))
    }
    if state.order.count > 8 { lines.append("  and \(state.order.count - 8) more") }
    lines.append(bar(state, now, width))
    state.shownLines = lines.count
    return lines.map { fit($0, width) + "\n" }.joined()
  }

  private func describe(_ name: String, _ running: Running, _ now: Double) -> String {
    if running.waits { return "  wait  \(name)  \(running.text)" }
    var parts = ["  run   \(name)"]
    let seconds = max(now - running.begun, 0.001)
    if let items = running.items {
      parts.append("\(running.itemsDone)/\(items) items")
    }
    if let progress = running.progress {
      parts.append(
        RunText.progress(done: progress.done, total: progress.total, unit: progress.unit))
      if running.items == nil {
        let rate = progress.done / seconds
        if rate > 0 {
          parts.append("\(Wording.decimal(rate, rate < 10 ? 1 : 0)) \(progress.unit)/s")
        }
        if let total = progress.total, rate > 0, total > progress.done {
          parts.append("\(Wording.duration((total - progress.done) / rate)) left")
        }
      }
    }
    for metric in running.metrics {
      parts.append("\(metric.name) \(Wording.decimal(metric.value, 3))")
    }
    if running.progress == nil && running.items == nil { parts.append(Wording.duration(seconds)) }
    return parts.joined(separator: "  ")
  }

  private func bar(_ state: State, _ now: Double, _ width: Int) -> String {
    let share = state.total == 0 ? 1 : Double(state.done) / Double(state.total)
    let cells = min(28, max(8, width - 50))
    let filled = Int(share * Double(cells))
    let line =
      "[" + String(repeating: "=", count: filled) + (filled < cells ? ">" : "")
      + String(repeating: " ", count: max(0, cells - filled - 1)) + "]"
    var text = "\(line) \(state.done)/\(state.total)   \(state.running.count) running"
    if let left = secondsLeft(state, now) { text += "   about \(Wording.duration(left)) left" }
    return text
  }

  /// What is left takes as long as what ran did, on as many processors.
  private func secondsLeft(_ state: State, _ now: Double) -> Double? {
    guard state.executed > 0 else { return nil }
    let rate = Double(state.executed) / max(now - state.begun, 0.001)
    return Double(state.total - state.done) / rate
  }

  /// Cuts a line without escapes to the width.
  private func fit(_ line: String, _ width: Int) -> String {
    line.count <= width ? line : String(line.prefix(width - 1)) + "…"
  }
}
