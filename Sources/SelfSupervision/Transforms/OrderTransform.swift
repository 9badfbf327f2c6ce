internal import Learning
public import StageKit

/// The frames of a clip, or the pieces where there are several, in another order.
///
/// With `either_way` an order and its reverse are one class, and either is shown half of the time:
/// many movements look the same backwards.
/// Source: Lee et al. (2017) for frames, table of classes included; Xu et al. (2019) for clips.
public struct OrderTransform: Transform {
  public static let name = "order"
  public static let summary = "The frames of a clip, or its pieces, in another order"
  let items: Int
  let eitherWay: Bool
  /// Of each class, which item is shown at each place.
  let orders: [[Int]]

  public init(options: inout OptionReader) throws(Diagnostic) {
    items = try options.integer(
      "items", in: 2...5, default: 4, help: "frames of a clip, or pieces, that change places")
    eitherWay = try options.boolean(
      "either_way", default: true,
      help: "an order and its reverse are one class, each shown half of the time")
    orders = OrderTransform.orders(of: items, eitherWay: eitherWay)
    guard orders.count > 1 else {
      throw options.problem(
        "items", "is 2, which either way is one order; expected 3 or more, or either_way: false")
    }
  }

  public static var presets: [Preset] { [sequenceSorting, clipOrder] }

  private static let sequenceSorting = Preset(
    name: "sequence_sorting", summary: "In which order are the frames? Lee et al. (2017)",
    options: [
      OptionDeclaration(
        name: "frames", shape: .integer, defaultValue: 4, minimum: 3, maximum: 5, unit: "frames",
        help: "that are shuffled"),
      OptionDeclaration(
        name: "stride", shape: .integer, defaultValue: 6, minimum: 1, unit: "frames",
        help: "from one of them to the next, so that something moves between; left out between them"
          + " with head: pairwise"),
      OptionDeclaration(
        name: "head", shape: .choice, defaultValue: "linear", choices: ["linear", "pairwise"],
        help: "linear: one clip of the frames; pairwise: each frame by itself, then each pair"),
    ],
    value: [
      "sampler": [
        "frames": ["${head}": ["linear": "${frames}", "pairwise": 1]],
        "stride": ["${head}": ["linear": "${stride}"]],
        "pieces": ["${head}": ["pairwise": "${frames}"]],
        "gap": ["${head}": ["pairwise": "${stride}"]],
        "motion": true,
      ],
      "augment": ["jitter": 5],
      "objectives": [
        [
          "transform": ["name": "order", "items": "${frames}"],
          "head": [
            "${head}": ["linear": "linear", "pairwise": ["name": "pairwise", "piece": 1024]]
          ],
        ]
      ],
    ])

  private static let clipOrder = Preset(
    name: "clip_order", summary: "In which order are the clips? Xu et al. (2019)",
    options: [
      OptionDeclaration(
        name: "clips", shape: .integer, defaultValue: 3, minimum: 2, maximum: 5,
        help: "that are shuffled"),
      OptionDeclaration(
        name: "frames", shape: .integer, defaultValue: 16, minimum: 1, unit: "frames",
        help: "of each clip"),
      OptionDeclaration(
        name: "gap", shape: .integer, defaultValue: 8, minimum: 0, unit: "frames",
        help: "left out between one clip and the next"),
    ],
    value: [
      "sampler": ["frames": "${frames}", "pieces": "${clips}", "gap": "${gap}"],
      "objectives": [
        [
          "transform": ["name": "order", "items": "${clips}", "either_way": false],
          "head": ["name": "pairwise", "pair": 512, "dropout": 0.5],
        ]
      ],
    ])

  public var target: Target {
    .classes(orders.map { order in order.map { "\($0 + 1)" }.joined() })
  }
  public var changes: Set<Change> { [.order] }

  public func problem(
    with sampler: Sampler, augmentation: Augmentation, head: any Head
  ) -> String? {
    if sampler.pieces > 1 {
      guard sampler.pieces == items else {
        return "\(items) pieces change places and \(sampler.pieces) are drawn; write"
          + " items: \(sampler.pieces)"
      }
      return head.joinsPieces
        ? nil : "the order of pieces is seen by a head that joins them; write head: pairwise"
    }
    guard let frames = sampler.frames, frames == items else {
      return "\(items) frames change places and a clip has"
        + " \(sampler.frames.map { "\($0)" } ?? "as many as the stage says"); write"
        + " frames: \(items) in the sampler"
    }
    return nil
  }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {
    var order = orders[try index(answer)]
    if eitherWay, random.uniform() < 0.5 { order.reverse() }
    let hasPieces = sample.clips.count > 1
    let count = hasPieces ? sample.clips.count : sample.clips.first?.frames.count ?? 0
    guard count == items else {
      throw LearningError(
        .badShape,
        "'order' of \(items) items and a sample of \(count) \(hasPieces ? "pieces" : "frames")")
    }
    if hasPieces {
      sample.clips = order.map { sample.clips[$0] }
    } else {
      sample.clips[0].frames = order.map { sample.clips[0].frames[$0] }
    }
  }

  /// Lee et al.'s twelve in the order of their table; else all in lexicographic order, of an order
  /// and its reverse the one that begins lower.
  private static func orders(of items: Int, eitherWay: Bool) -> [[Int]] {
    guard eitherWay else { return permutations(of: items) }
    guard items != 4 else {
      return [
        [0, 1, 2, 3], [0, 2, 1, 3], [0, 2, 3, 1], [0, 1, 3, 2], [0, 3, 1, 2], [0, 3, 2, 1],
        [1, 0, 2, 3], [1, 0, 3, 2], [1, 2, 0, 3], [2, 0, 1, 3], [2, 0, 3, 1], [2, 1, 0, 3],
      ]
    }
    return permutations(of: items).filter { $0[0] < $0[items - 1] }
  }
}

/// All orders of 0 ..< count, lexicographic.
func permutations(of count: Int) -> [[Int]] {
  (0..<count).reduce([[]]) { orders, _ in
    orders.flatMap { order in
      (0..<count).filter { !order.contains($0) }.map { order + [$0] }
    }
  }
}
