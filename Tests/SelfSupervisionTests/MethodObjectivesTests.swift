import Learning
import SelfSupervision
import StageKit
import Testing

@Suite("What heads are worth")
struct MethodObjectivesTests {
  private static let labels = ["head", "femur", "spine"]

  /// A batch of answers as a method's batches have them, with results where row i of `right` is sure
  /// of its class.
  private struct Judged {
    var verdict: Verdict
    var results: [[Float]]
  }

  private func judge(_ method: Method, samples: Int = 12, right: Int = 9) throws -> Judged {
    var random = random()
    var (results, answers, draws) = ([[Float]](), [[Answer]](), [[Int]]())
    for objective in method.objectives {
      let rows = objective.head.joinsPieces ? samples : samples * method.sampler.pieces
      let each = rows / samples
      switch objective.transform.target {
      case .classes, .labels:
        let count =
          if case .classes(let names) = objective.transform.target { names.count } else {
            Self.labels.count
          }
        let indices = (0..<rows).map { $0 / each * 7 % count }
        answers.append(indices.map { .index($0) })
        // The right rows have their class on top, the others the class after it.
        results.append(
          indices.enumerated().flatMap { row, index in
            (0..<count).map { column in
              let top = row / each < right ? index : (index + 1) % count
              return Float((column == top ? 3 : 0) + random.uniform())
            }
          })
      case .numbers(let names):
        answers.append((0..<rows).map { _ in objective.transform.draw(using: &random) })
        results.append((0..<rows * names.count).map { _ in Float(random.normal()) })
      case .identity:
        answers.append(Array(repeating: .none, count: rows))
        results.append((0..<rows * 8).map { _ in Float(random.normal()) })
      }
      draws.append((0..<rows).map { $0 / each / method.sampler.copies })
    }
    return Judged(
      verdict: try method.judge(results, .init(answers: answers, draws: draws)), results: results)
  }

  @Test("every preset's heads and losses serve: finite, with the accuracy that was made")
  func presets() throws {
    for name in shortNames {
      let method = try method(name)
      let heads = try method.heads(
        features: 16, classes: Self.labels, initializer: Initializer(seed: 0))
      #expect(heads.count == method.objectives.count)
      let chance = method.chance(classes: Self.labels)
      let judged = try judge(method)
      #expect(judged.verdict.losses.count == heads.count)
      for (loss, results) in zip(judged.verdict.losses, judged.results) {
        #expect(loss.value.isFinite && loss.value > 0, "\(name.display)")
        #expect(loss.gradient.count == results.count)
        #expect(loss.gradient.allSatisfy { $0.isFinite })
        #expect(loss.gradient.contains { $0 != 0 })
      }
      for (name, value) in chance {
        #expect(value > 0 && value <= 0.5)
        #expect(judged.verdict.metrics[name] == 0.75)
      }
    }
  }

  @Test("a head's results have the width of its classes or numbers")
  func widths() throws {
    for (objective, width): (Value, Int) in [
      (["transform": "rotation"], 4), (["transform": "puzzle"], 24), (["transform": "labels"], 3),
      (["transform": "affine", "loss": "mean_squared_error"], 4),
    ] {
      let heads = try method(["objectives": [objective]]).heads(
        features: 16, classes: Self.labels, initializer: Initializer(seed: 0))
      #expect(heads[0].parameters.map(\.name) == ["head0.weight", "head0.bias"])
      #expect(heads[0].parameters[0].shape == [width, 16])
    }
  }

  @Test("what a batch and its heads give fits, of every preset: one real step")
  func steps() throws {
    let scans = try Scans(
      (0..<2).map { scan in
        .init(
          frames: 80, segments: [.init(0..<80, label: scan)], pixel: { noise(scan, $0, $1, $2) })
      }, classes: ["head", "femur"])
    let initializer = Initializer(seed: 3)
    let backend = try OneDNNBackend(threads: 1)
    for name in shortNames {
      let method = try method(name)
      guard !method.objectives.isEmpty else { continue }
      let batches = try MethodBatches(
        method, of: scans.set, clip: 4, size: [8, 8], batch: 8, seed: 0, purpose: "training")
      let training = try Training(
        backbone: Chain([
          try Convolution("conv", 1, 6, Window([1, 3, 3]), bias: true, initializer: initializer),
          ReLU(), Pooling("pool", .average, nil),
        ]),
        heads: try method.heads(
          features: 6, classes: scans.set.classes, initializer: initializer),
        shape: batches.shape, type: .float32, on: backend)
      let batch = try batches.batch(at: 0)
      #expect(training.outputShapes.map { $0[0] } == batch.targets.answers.map(\.count))
      var metrics: [String: Double] = [:]
      let loss = try training.compute(batch.values, step: 0) { results in
        let verdict = try method.judge(results, batch.targets)
        metrics = verdict.metrics
        return verdict.losses
      }
      #expect(loss.isFinite && loss > 0, "\(name.display)")
      let chance = method.chance(classes: scans.set.classes)
      #expect(chance.keys.allSatisfy { metrics[$0] != nil }, "\(name.display)")
    }
  }

  @Test("clips of one pace are brought together by the first objective's classes")
  func samePace() throws {
    let paced = try method(["pretext": "pace", "paces": [1, 2], "contrastive": "same_pace"])
    let results: [[Float]] = [Array(repeating: 0, count: 8), [1, 0, 0.9, 0.1, 0, 1, 0.1, 0.9]]
    func loss(_ paces: [Int]) throws -> Loss {
      let targets = MethodBatches.Targets(
        answers: [paces.map { .index($0) }, [.none, .none, .none, .none]],
        draws: [[0, 1, 2, 3], [0, 1, 2, 3]])
      return try paced.judge(results, targets).losses[1]
    }
    let expected = try contrastive(
      results[1], width: 2, identities: [0, 0, 1, 1], temperature: 0.1)
    #expect(try loss([0, 0, 1, 1]).value == 0.1 * expected.value)
    #expect(try loss([0, 0, 1, 1]).gradient == expected.gradient.map { 0.1 * $0 })
    // Embeddings of unlike clips are alike: a larger loss.
    #expect(try loss([0, 1, 0, 1]).value > 10 * loss([0, 0, 1, 1]).value)
  }

  @Test("classes of samples serve all rows of their pieces")
  func classesOfPieces() throws {
    let method = try method([
      "sampler": ["frames": 1, "pieces": 3],
      "objectives": [
        [
          "transform": ["name": "order", "items": 3, "either_way": false], "head": "pairwise",
        ],
        [
          "transform": "views", "head": "projection",
          "loss": ["name": "contrastive", "positives": "class"],
        ],
      ],
    ])
    var random = random()
    let embeddings = (0..<24).map { _ in Float(random.normal()) }
    let verdict = try method.judge(
      [Array(repeating: 0, count: 24), embeddings],
      .init(
        answers: [
          [.index(4), .index(1), .index(4), .index(0)], Array(repeating: .none, count: 12),
        ],
        draws: [[0, 1, 2, 3], (0..<12).map { $0 / 3 }]))
    let expected = try contrastive(
      embeddings, width: 2, identities: [4, 4, 4, 1, 1, 1, 4, 4, 4, 0, 0, 0], temperature: 0.1)
    #expect(verdict.losses[1] == expected)
  }

  @Test("weights scale values and gradients; metrics are without them")
  func weights() throws {
    func value(_ weight: Double) -> Value {
      [
        "augment": ["flip": 0],
        "objectives": [
          ["transform": "rotation", "weight": 2],
          ["transform": "flip", "weight": .number(weight)],
          ["transform": "affine", "loss": "mean_squared_error", "weight": 0.5],
        ],
      ]
    }
    let one = try judge(method(value(1))).verdict
    let third = try judge(method(value(0.25))).verdict
    #expect(third.losses[0] == one.losses[0] && third.losses[2] == one.losses[2])
    #expect(third.losses[1].value == one.losses[1].value / 4)
    #expect(third.losses[1].gradient == one.losses[1].gradient.map { $0 / 4 })
    #expect(third.metrics == one.metrics)
    #expect(
      Set(one.metrics.keys)
        == ["accuracy", "head1.accuracy", "head0.loss", "head1.loss", "head2.loss"])
    #expect(one.metrics["head0.loss"] == one.losses[0].value / 2)
    #expect(one.metrics["head1.loss"] == one.losses[1].value)
    #expect(one.metrics["head2.loss"] == one.losses[2].value * 2)
  }

  @Test("chance is one in as many classes as there are, by the metric's name")
  func chances() throws {
    func chance(_ value: Value) throws -> [String: Double] {
      try method(value).chance(classes: Self.labels)
    }
    #expect(try chance(["pretext": "none"]) == [:])
    #expect(try chance(["pretext": "rotation"]) == ["accuracy": 1 / 4])
    #expect(try chance(["pretext": "sequence_sorting"]) == ["accuracy": 1 / 12])
    #expect(try chance(["pretext": "supervised"]) == ["accuracy": 1 / 3])
    let affineFirst: Value = [
      ["transform": "affine", "loss": "mean_squared_error"], ["transform": "pace"],
      ["transform": "flip"],
    ]
    #expect(
      try chance(["augment": ["flip": 0], "objectives": affineFirst]) == [
        "accuracy": 1 / 4, "head2.accuracy": 1 / 2,
      ])
  }

  @Test("labels that are not there, and results that do not fit, are refused")
  func refusals() throws {
    let supervised = try method(["pretext": "supervised"])
    let error = #expect(throws: LearningError.self) {
      _ = try supervised.heads(features: 4, classes: [], initializer: Initializer(seed: 0))
    }
    #expect(error?.message.contains("these have 0") == true)
    #expect(throws: LearningError.self) {
      _ = try supervised.judge([], .init(answers: [[]], draws: [[]]))
    }
    #expect(throws: LearningError.self) {
      _ = try supervised.judge([[0, 1, 2]], .init(answers: [[.none]], draws: [[0]]))
    }
    #expect(throws: LearningError.self) {
      _ = try supervised.judge([[0, 1, 2]], .init(answers: [[.index(5)]], draws: [[0]]))
    }
  }
}
