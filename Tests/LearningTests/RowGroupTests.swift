import Learning
import StageKit
import Testing

extension LearningTests {
  @Suite("rows of a sample side by side") struct RowGroupTests {
    static let cases: [(rows: Int, groups: [[Int]])] = [
      (3, [[0, 1], [0, 2], [1, 2]]), (6, [[0, 1, 2, 3, 4, 5]]),
      (4, [[3], [1], [1], [1], [1], [1]]),
      (2, [[0, 0, 1], [1, 0, 0]]), (1, [[0]]),
    ]

    /// Values that bfloat16 holds, and sums of seven of which it does not.
    private func values(_ count: Int, _ purpose: String) -> [Float] {
      var random = CounterRandom(seed: 0, kind: "test", item: "rows", purpose: purpose)
      return (0..<count).map { _ in Float(Int(random.next() % 255) - 127) / 16 }
    }

    private func rounded(_ value: Float, to type: ElementType) -> Float {
      guard type == .bfloat16 else { return value }
      let bits = value.bitPattern
      return Float(bitPattern: (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF_0000)
    }

    @Test(
      "rows go where the groups say, and gradients back to where they came from, to the last bit",
      arguments: cases.indices, hasBFloat16 ? [ElementType.float32, .bfloat16] : [.float32])
    func bothWays(index: Int, type: ElementType) throws {
      let (rows, groups) = RowGroupTests.cases[index]
      let (samples, columns, size) = (5, 1031, groups[0].count)
      let layer = RowGrouping("rows", try RowGroups(of: rows, groups))
      let x = values(samples * rows * columns, "x")
      let places = groups.flatMap { $0 }
      let dy = values(samples * places.count * columns, "dy")
      var y: [Float] = []
      var dx = [Float](repeating: 0, count: x.count)
      for sample in 0..<samples {
        for (place, row) in places.enumerated() {
          let source = (sample * rows + row) * columns
          let result = (sample * places.count + place) * columns
          y += x[source..<source + columns]
          for column in 0..<columns { dx[source + column] += dy[result + column] }
        }
      }
      for threads in [1, 2] {
        let run = try Run(
          layer, [samples * rows, columns, 1, 1], type: type, on: OneDNNBackend(threads: threads))
        #expect(
          run.program.shape(of: run.output) == [samples * groups.count, size * columns])
        #expect(try run.forward(x) == y)
        #expect(try run.backward(dy) == dx.map { rounded($0, to: type) })
      }
    }

    @Test("inference groups rows too, and gradients that nobody wants are left out")
    func edges() throws {
      let backend = try OneDNNBackend(threads: 1)
      let layer = RowGrouping("pairs", try .pairs(of: 3))
      let run = try Run(layer, [3, 1], mode: .inference, on: backend)
      #expect(try run.forward([1, 2, 3]) == [1, 2, 1, 3, 2, 3])
      let training = try Training(
        backbone: Chain([]), heads: [RowGrouping("all", try .all(of: 2))], shape: [4, 3],
        type: .float32, on: backend)
      #expect(training.outputShapes == [[2, 6]])
      let loss = try training.compute(testPattern(12), step: 0) {
        #expect($0[0] == testPattern(12))
        return [try meanSquaredError($0[0], targets: [Float](repeating: 0, count: 12))]
      }
      #expect(loss > 0)
    }

    @Test(
      "groups that make no sense are refused",
      arguments: [[], [[]], [[0, 1], [2]], [[0, 3]], [[-1, 0]]] as [[[Int]]])
    func refusals(groups: [[Int]]) {
      #expect(
        message { _ = try RowGroups(of: 3, groups) }
          == "groups \(groups) of 3 rows; expected one or more groups of equal size, each of rows"
          + " from 0 to below 3")
    }

    @Test("a sample without rows is refused")
    func noRows() {
      #expect(throws: LearningError.self) { try RowGroups(of: 0, [[0]]) }
      #expect(throws: LearningError.self) { try RowGroups.all(of: 0) }
      #expect(throws: LearningError.self) { try RowGroups.all(of: -1) }
    }
  }
}
