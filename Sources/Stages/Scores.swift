internal import Foundation
internal import StageKit

/// A file of type `scores`: numbers with a name, a unit and a direction, as JSON.
///
///     {"metrics": [
///       {"name": "compactness", "value": 0.16, "unit": "1", "direction": "lower", "tau": 1.0}
///     ],
///     "protocol": {"stage": "metrics 3", "clusters": 14}}
///
/// `protocol` may be left out. A value that is not defined, or beyond Float64, is null. What else
/// decided a value stands beside it under names of its own.
struct Scores {
  enum Direction: String {
    case higher, lower
  }

  struct Metric {
    var name: String
    /// `nil` where it is not defined.
    var value: Double?
    /// "1" where it has no dimension.
    var unit = "1"
    var direction: Direction?
    /// Which part of the data it was measured on, such as `held_out`; `nil` where that is plain.
    var split: String?
    var attributes: [Value.Pair] = []
  }

  var metrics: [Metric]
  /// How they were measured; `nil` where the file does not say.
  var conditions: EvaluationProtocol?

  init(_ metrics: [Metric], _ conditions: EvaluationProtocol? = nil) {
    self.metrics = metrics
    self.conditions = conditions
  }

  /// - Throws: `StageFailure` naming the file
  init(path: String) throws {
    func bad(_ problem: String) -> StageFailure { StageFailure("scores '\(path)': \(problem)") }
    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    guard let json = try? JSONDecoder().decode(Value.self, from: data),
      case .list(let entries) = json["metrics"]
    else { throw bad("is no JSON of the form {\"metrics\": […]}") }
    switch json["protocol"] {
    case .map(let fields): conditions = EvaluationProtocol(fields: fields)
    case nil: conditions = nil
    case let other?: throw bad("has a protocol that is no map: \(other.display)")
    }
    metrics = try entries.map { entry in
      guard case .map(let pairs) = entry, case .string(let name) = entry["name"] else {
        throw bad("has a metric without a name: \(entry.display)")
      }
      let value: Double? =
        switch entry["value"] {
        case .number(let number): number
        case .integer(let integer): Double(integer)
        case .null: nil
        default: throw bad("metric '\(name)' has no value that is a number or null")
        }
      var metric = Metric(name: name, value: value)
      if case .string(let unit) = entry["unit"] { metric.unit = unit }
      if case .string(let direction) = entry["direction"] {
        metric.direction = Direction(rawValue: direction)
      }
      if case .string(let split) = entry["split"] { metric.split = split }
      metric.attributes = pairs.filter {
        !["name", "value", "unit", "direction", "split"].contains($0.key)
      }
      return metric
    }
  }

  /// Equal metrics give equal bytes: one metric a line, numbers as short as they read back.
  var text: String {
    let lines = metrics.map { metric in
      var pairs: [Value.Pair] = [
        .init("name", .string(metric.name)),
        .init("value", metric.finiteValue.map { .number($0) } ?? .null),
        .init("unit", .string(metric.unit)),
      ]
      if let direction = metric.direction {
        pairs.append(.init("direction", .string(direction.rawValue)))
      }
      if let split = metric.split { pairs.append(.init("split", .string(split))) }
      return "  " + Value.map(pairs + metric.attributes).display
    }
    let ending = conditions.map { ",\n\"protocol\": \(Value.map($0.fields).display)" } ?? ""
    return "{\"metrics\": [\n\(lines.joined(separator: ",\n"))\n]\(ending)}\n"
  }

  /// Writes the file, and tells the run of every value that is defined.
  func write(to output: Output, in context: StageContext) throws {
    try writeText(text, to: context.path(output))
    for metric in metrics {
      guard let value = metric.finiteValue else { continue }
      context.metric(
        metric.name, value, split: metric.split, unit: metric.unit,
        direction: metric.direction?.rawValue)
    }
  }
}

extension Scores.Metric {
  var finiteValue: Double? { value.flatMap { $0.isFinite ? $0 : nil } }

  /// What a value says beside its number. Only values of one meaning have a mean or an order.
  struct Meaning: Equatable, CustomStringConvertible {
    var unit: String
    var direction: Scores.Direction?
    var split: String?

    var description: String {
      "in '\(unit)', " + (direction.map { "better when \($0.rawValue)" } ?? "without a direction")
        + (split.map { ", on '\($0)'" } ?? "")
    }
  }

  var meaning: Meaning { Meaning(unit: unit, direction: direction, split: split) }
}
