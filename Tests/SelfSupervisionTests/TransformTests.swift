import Learning
import SelfSupervision
import StageKit
import TestKit
import Testing

@Suite("Label tables of transforms, and their inverses")
struct TransformTests {
  @Test("rotation: clockwise by 0, 90, 180 and 270 degrees")
  func rotation() throws {
    let rotation = try transform("rotation")
    #expect(rotation.classes == ["0°", "90°", "180°", "270°"])
    let image = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    #expect(try pixels(rotation, .index(0), image) == image)
    #expect(try pixels(rotation, .index(1), image) == [[7, 4, 1], [8, 5, 2], [9, 6, 3]])
    #expect(try pixels(rotation, .index(2), image) == [[9, 8, 7], [6, 5, 4], [3, 2, 1]])
    #expect(try pixels(rotation, .index(3), image) == [[3, 6, 9], [2, 5, 8], [1, 4, 7]])
  }

  @Test("rotation: a and 360 - a are nothing, in exact numbers", arguments: 0..<4)
  func rotationBack(_ label: Int) throws {
    let rotation = try transform("rotation")
    let plain = sample(pieces: 2)
    let turned = try rotation.applied(.index(label), to: plain)
    #expect((turned == plain) == (label == 0))
    #expect(try rotation.applied(.index((4 - label) % 4), to: turned) == plain)
  }

  @Test("rotation: angles in another order are other labels")
  func rotationAngles() throws {
    let rotation = try transform(["name": "rotation", "angles": [180, 0]])
    #expect(rotation.classes == ["180°", "0°"])
    #expect(
      try pixels(rotation, .index(0), [[1, 2], [3, 4], [5, 6]]) == [[6, 5], [4, 3], [2, 1]])
  }

  @Test("rotation: clips that are not square cannot be turned by 90 degrees, whatever the answer")
  func rotationOfOblong() throws {
    let rotation = try transform("rotation")
    for label in 0..<4 {
      let error = #expect(throws: LearningError.self) {
        _ = try rotation.applied(.index(label), to: sample(), size: [8, 12])
      }
      #expect(error?.message.contains("8 x 12 pixels") == true)
      #expect(error?.message.contains("expected square clips") == true)
    }
  }

  @Test("pace: frames are start + i p, label by label")
  func pace() throws {
    let pace = try transform("pace")
    #expect(pace.classes == ["1x", "2x", "3x", "4x"])
    let plain = sample(frames: 5)
    for label in 0..<4 {
      let paced = try pace.applied(.index(label), to: plain)
      #expect(paced.indices == [(0..<5).map { 10 + $0 * (label + 1) }])
      // Frame by frame tones and geometry stay where they are.
      #expect(paced.clips[0].frames.map(\.tone) == plain.clips[0].frames.map(\.tone))
      #expect(try pace.applied(.index(0), to: paced) == plain)
    }
  }

  @Test("pace: past the segment's last frame a clip goes on at its first")
  func paceWraps() throws {
    let pace = try transform("pace")
    func indices(_ label: Int, from start: Int, in segment: Range<Int>) throws -> [Int] {
      let plain = sample(frames: 6, from: start, segment: segment)
      return try pace.applied(.index(label), to: plain).indices[0]
    }
    #expect(try indices(0, from: 20, in: 10..<23) == [20, 21, 22, 10, 11, 12])
    #expect(try indices(1, from: 20, in: 10..<23) == [20, 22, 10, 12, 14, 16])
    #expect(try indices(2, from: 20, in: 10..<23) == [20, 10, 13, 16, 19, 22])
    #expect(try indices(3, from: 10, in: 10..<19) == [10, 14, 18, 10, 14, 18])
    // The last frame itself is still played.
    #expect(try indices(3, from: 14, in: 10..<19) == [14, 18, 10, 14, 18, 10])
    // A segment shorter than the pace.
    #expect(try indices(3, from: 11, in: 10..<12) == [11, 10, 10, 10, 10, 10])
    #expect(throws: LearningError.self) { _ = try indices(0, from: 30, in: 10..<23) }
  }

  @Test("pace: how much the jump's place tells is what the docs say")
  func paceJumps() throws {
    let pace = try transform("pace")
    for (length, expected) in [(50, 0.372), (224, 0.274)] {
      var clips: [Int?: [Int]] = [:]
      let starts = 0...length - 8
      for label in 0..<4 {
        for start in starts {
          let plain = sample(frames: 8, from: start, segment: 0..<length)
          let indices = try pace.applied(.index(label), to: plain).indices[0]
          let jump = indices.indices.dropFirst().first { indices[$0] < indices[$0 - 1] }
          clips[jump, default: [0, 0, 0, 0]][label] += 1
        }
      }
      // Whoever names the likeliest pace for each place is right so often.
      let right = clips.values.reduce(0) { $0 + ($1.max() ?? 0) }
      #expect(abs(Double(right) / Double(4 * starts.count) - expected) < 0.001)
    }
  }

  /// Lee et al. (2017), as `paper.md` section 3 has it.
  private static let twelve = [
    "1234", "1324", "1342", "1243", "1423", "1432", "2134", "2143", "2314", "3124", "3142", "3214",
  ]

  @Test("order: twelve classes of four frames, an order and its reverse being one")
  func twelveOrders() throws {
    let order = try transform("order")
    #expect(order.classes == Self.twelve)
    // No two of them are each other's reverse, so they are all twelve.
    let both = Self.twelve + Self.twelve.map { String($0.reversed()) }
    #expect(Set(both).count == 24)
    var reversed = 0
    for (label, name) in Self.twelve.enumerated() {
      for draw in 0..<100 {
        let shown = try order.applied(.index(label), to: sample(), purpose: "\(label) \(draw)")
        let text = shown.clips[0].frames.map { "\($0.index - 9)" }.joined()
        #expect(text == name || text == String(name.reversed()))
        if text != name { reversed += 1 }
      }
    }
    // 1200 throws of a fair coin: within 4 standard deviations.
    #expect(abs(reversed - 600) < 70)
  }

  @Test("order: all of three pieces, and the inverse order restores them", arguments: 0..<6)
  func piecesBack(_ label: Int) throws {
    let order = try transform(["name": "order", "items": 3, "either_way": false])
    #expect(order.classes == ["123", "132", "213", "231", "312", "321"])
    let plain = sample(pieces: 3)
    let shown = try order.applied(.index(label), to: plain)
    let name = shown.clips.map { "\(($0.frames[0].index - 10) / 4 + 1)" }.joined()
    #expect(name == order.classes[label])
    let inverse = [0, 1, 2, 4, 3, 5][label]
    #expect(try order.applied(.index(inverse), to: shown) == plain)
  }

  @Test("order: of every other number of items half of all orders, the identity first")
  func manyOrders() throws {
    for (items, count) in [(3, 3), (5, 60)] {
      let order = try transform(["name": "order", "items": .integer(items)])
      #expect(order.classes.count == count)
      #expect(order.classes[0] == (1...items).map { "\($0)" }.joined())
      #expect(Set(order.classes + order.classes.map { String($0.reversed()) }).count == 2 * count)
    }
    let error = #expect(throws: LearningError.self) {
      _ = try transform("order").applied(.index(0), to: sample(frames: 5))
    }
    #expect(error?.message == "'order' of 4 items and a sample of 5 frames")
  }

  @Test("playback direction: backward twice is forward, pieces are one run")
  func direction() throws {
    let direction = try transform("playback_direction")
    #expect(direction.classes == ["forward", "backward"])
    let plain = sample(pieces: 2, frames: 3)
    #expect(try direction.applied(.index(0), to: plain) == plain)
    let backward = try direction.applied(.index(1), to: plain)
    #expect(backward.indices == [[15, 14, 13], [12, 11, 10]])
    #expect(try direction.applied(.index(1), to: backward) == plain)
  }

  @Test("flip: none, horizontal, vertical, both; twice is nothing")
  func flip() throws {
    let image = [[1, 2, 3], [4, 5, 6]]
    let shown: [String: [[Int]]] = [
      "none": image, "horizontal": [[3, 2, 1], [6, 5, 4]], "vertical": [[4, 5, 6], [1, 2, 3]],
      "both": [[6, 5, 4], [3, 2, 1]],
    ]
    let tables: [String: [String]] = [
      "horizontal": ["none", "horizontal"], "vertical": ["none", "vertical"],
      "both": ["none", "horizontal", "vertical", "both"],
    ]
    #expect(try transform("flip").classes == tables["horizontal"])
    for (axes, names) in tables {
      let flip = try transform(["name": "flip", "axes": .string(axes)])
      #expect(flip.classes == names)
      for (label, name) in names.enumerated() {
        #expect(try pixels(flip, .index(label), image) == shown[name])
        let once = try flip.applied(.index(label), to: sample())
        #expect(try flip.applied(.index(label), to: once) == sample())
      }
    }
  }

  @Test("puzzle: 24 orders of four cells; the inverse order restores them")
  func puzzle() throws {
    for grid: [Int] in [[1, 2, 2], [4, 1, 1], [2, 2, 1]] {
      let part: Value = ["name": "puzzle", "grid": .list(grid.map { .integer($0) })]
      let puzzle = try transform(part)
      #expect(puzzle.classes.count == 24)
      #expect(puzzle.classes.prefix(3) == ["1234", "1243", "1324"])
      #expect(Set(puzzle.classes).count == 24)
      let plain = sample()
      #expect(try puzzle.applied(.index(0), to: plain) == plain)
      for (label, name) in puzzle.classes.enumerated() {
        let shown = try puzzle.applied(.index(label), to: plain)
        let order = name.compactMap(\.wholeNumberValue).map { $0 - 1 }
        if label > 0 { #expect(shown.clips[0].cells == CellOrder(grid: grid, sources: order)) }
        let inverse = (0..<4).map { cell in "\((order.firstIndex(of: cell) ?? 0) + 1)" }.joined()
        let back = try #require(puzzle.classes.firstIndex(of: inverse))
        #expect(try puzzle.applied(.index(back), to: shown) == plain)
      }
    }
  }

  @Test("affine: numbers of unit size move a point as they say")
  func affine() throws {
    let size = [9, 17]
    func place(_ numbers: [Float], y: Double, x: Double) throws -> (y: Double, x: Double) {
      let affine = try transform([
        "name": "affine", "angle": 90, "scale": 1, "shift": 0.25,
      ])
      #expect(affine.target == .numbers(["angle", "scale", "down", "right"]))
      let plain = Sample(
        scan: 0, segment: 0..<1, clips: [ClipPlan(frames: [FramePlan(index: 0)])])
      return try affine.applied(.numbers(numbers), to: plain, size: size)
        .clips[0].frames[0].geometry(y: y, x: x)
    }
    func expect(_ found: (y: Double, x: Double), _ y: Double, _ x: Double) {
      #expect(abs(found.y - y) < 1e-9 && abs(found.x - x) < 1e-9, "\(found)")
    }
    expect(try place([0, 0, 0, 0], y: 2, x: 5), 2, 5)
    // The centre is (4, 8). Turned clockwise by 90 degrees, what was left of it is above it.
    expect(try place([1, 0, 0, 0], y: 1, x: 8), 4, 5)
    // Twice as large: a point 2 below shows what was 1 below; -1 is half as large.
    expect(try place([0, 1, 0, 0], y: 6, x: 8), 5, 8)
    expect(try place([0, -1, 0, 0], y: 5, x: 8), 6, 8)
    // Shifted down by a quarter of the height and to the left by an eighth of the width.
    expect(try place([0, 0, 1, -0.5], y: 4, x: 8), 4 - 2.25, 8 + 2.125)
    // All at once: shown where turned, then grown, then shifted.
    expect(try place([1, 1, 1, 0], y: 4 - 6 + 2.25, x: 8), 4, 5)
  }

  @Test("affine: draws are even, and only what may change is asked for")
  func affineDraws() throws {
    let affine = try transform(["name": "affine", "scale": 0])
    #expect(affine.target == .numbers(["angle", "down", "right"]))
    var random = random()
    var sums = [Double](repeating: 0, count: 3)
    var squares = sums
    for _ in 0..<2000 {
      guard case .numbers(let numbers) = affine.draw(using: &random) else {
        Issue.record("no numbers")
        return
      }
      #expect(numbers.count == 3 && numbers.allSatisfy { abs($0) <= 1 })
      for (place, number) in numbers.enumerated() {
        sums[place] += Double(number) / 2000
        squares[place] += Double(number * number) / 2000
      }
    }
    // Of the uniform distribution on [-1, 1]: mean 0, mean square 1/3; 4 standard errors.
    #expect(sums.allSatisfy { abs($0) < 0.052 })
    #expect(squares.allSatisfy { abs($0 - 1 / 3) < 0.027 })
    #expect(throws: LearningError.self) {
      _ = try affine.applied(.numbers([0]), to: sample())
    }
  }

  @Test("labels change nothing")
  func labels() throws {
    #expect(try transform("labels").target == .labels)
    #expect(try transform("labels").applied(.index(3), to: sample()) == sample())
  }

  @Test("an answer that is no class is refused")
  func wrongAnswers() throws {
    for kind in allTransforms {
      let transform = try transform(.string(kind.name))
      guard case .classes(let names) = transform.target else { continue }
      for answer: Answer in [.index(names.count), .index(-1), .none, .numbers([0])] {
        #expect(throws: LearningError.self) { _ = try transform.applied(answer, to: sample()) }
      }
    }
  }

  @Test(
    "options out of range are refused with what was expected",
    arguments: [
      (["name": "rotation", "angles": [0, 45]], "two or more of 0, 90, 180 and 270"),
      (["name": "rotation", "angles": [0]], "two or more of 0, 90, 180 and 270"),
      (["name": "rotation", "angles": [0, 90, 90]], "two or more of 0, 90, 180 and 270"),
      (["name": "pace", "paces": [2]], "two or more, each once"),
      (["name": "pace", "paces": [0, 1]], "at least 1"),
      (["name": "order", "items": 2], "either_way: false"),
      (["name": "order", "items": 6], "2 to 5"),
      (["name": "puzzle", "grid": [2, 2, 2]], "2 to 4 cells"),
      (["name": "puzzle", "grid": [1, 1, 1]], "2 to 4 cells"),
      (["name": "puzzle", "grid": [2, 2]], "3 integers"),
      (["name": "affine", "angle": 0, "scale": 0, "shift": 0], "one above 0"),
      (["name": "flip", "axes": "diagonal"], "horizontal"),
    ] as [(Value, String)])
  func badOptions(_ part: Value, _ expected: String) throws {
    let error = #expect(throws: Diagnostic.self) { _ = try transform(part) }
    #expect(error?.message.contains(expected) == true, "\(error?.message ?? "")")
  }
}
