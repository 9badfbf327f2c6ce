import COneDNN
import Learning
import Testing

/// A convolution and its gradients by their definition, in Float64.
private struct Definition {
  var y: [Double]
  var dx: [Double]
  var dw: [Double]

  /// `x` `[n, i, d, h, w]`, `w` `[o, i, kernel]`, stride 1; `dy` has the result's shape.
  init(
    x: [Float], _ shape: [Int], w: [Float], outputs: Int, _ window: Window, dy: [Float],
    _ result: [Int]
  ) {
    y = [Double](repeating: 0, count: dy.count)
    dx = [Double](repeating: 0, count: x.count)
    dw = [Double](repeating: 0, count: w.count)
    let (inputs, k, p) = (shape[1], window.kernel, window.padding)
    for n in 0..<shape[0] {
      for o in 0..<outputs {
        for place in 0..<result[0] * result[1] * result[2] {
          let (z, row) = (place / (result[1] * result[2]), place / result[2] % result[1])
          let to = (n * outputs + o) * result[0] * result[1] * result[2] + place
          for a in 0..<k[0] where (0..<shape[2]).contains(z + a - p[0]) {
            for b in 0..<k[1] where (0..<shape[3]).contains(row + b - p[1]) {
              for c in 0..<k[2] where (0..<shape[4]).contains(place % result[2] + c - p[2]) {
                let offset =
                  ((z + a - p[0]) * shape[3] + row + b - p[1]) * shape[4] + place % result[2] + c
                  - p[2]
                for i in 0..<inputs {
                  let from = (n * inputs + i) * shape[2] * shape[3] * shape[4] + offset
                  let weight = (((o * inputs + i) * k[0] + a) * k[1] + b) * k[2] + c
                  y[to] += Double(x[from]) * Double(w[weight])
                  dx[from] += Double(dy[to]) * Double(w[weight])
                  dw[weight] += Double(dy[to]) * Double(x[from])
                }
              }
            }
          }
        }
      }
    }
  }
}

extension LearningTests {
  @Suite(
    "convolutions with fewer multiplications",
    .enabled(if: cdnn_has_avx512(), "they are made of AVX-512 instructions"))
  struct WinogradTests {
    struct Case: Sendable, CustomTestStringConvertible {
      var shape: [Int]
      var window: Window
      var testDescription: String { "\(shape) \(window.kernel) \(window.padding)" }
    }

    @Test(
      "result and gradients are those of the definition",
      arguments: [
        Case(shape: [2, 32, 1, 13, 12], window: Window([1, 3, 3], padding: [0, 1, 1])),
        Case(shape: [1, 32, 3, 12, 15], window: Window([2, 3, 3], padding: [1, 2, 0])),
        Case(shape: [1, 32, 2, 12, 12], window: Window([3, 3, 3], padding: [1, 1, 1])),
      ])
    func definition(test: Case) throws {
      let layer = try Convolution(
        "c", 32, 32, test.window, initializer: Initializer(seed: 1))
      let run = try Run(layer, test.shape, on: OneDNNBackend(threads: 2))
      let x = testPattern(test.shape.reduce(1, *))
      let shape = run.program.shape(of: run.output)
      let dy = Array(testPattern(shape.reduce(1, *) + 17).dropFirst(17))
      let expected = Definition(
        x: x, test.shape, w: try layer.weight.values(), outputs: 32, test.window, dy: dy,
        Array(shape.dropFirst(2)))
      let kernels = try run.program.profile().map(\.kernel).count { $0 == "fathom:winograd" }
      #expect(kernels == 3)
      expectClose(try run.forward(x), expected.y.map { Float($0) }, "y", tolerance: 1e-5)
      expectClose(try run.backward(dy), expected.dx.map { Float($0) }, "dx", tolerance: 1e-5)
      let gradient = try #require(try layer.weight.gradient())
      expectClose(gradient, expected.dw.map { Float($0) }, "dw", tolerance: 1e-5)
    }

    @Test("the same network on oneDNN's kernels alone", arguments: [1, 2])
    func network(threads: Int) throws {
      func results(usesOneDNNAlone: Bool, mode: Program.Mode) throws -> [[Float]] {
        let network = try ResNet3D(.init(width: 1 / 2), initializer: Initializer(seed: 3))
        try setTestWeights([network])
        let backend = try OneDNNBackend(threads: threads, usesOneDNNAlone: usesOneDNNAlone)
        let run = try Run(network, [2, 3, 4, 48, 48], mode: mode, on: backend)
        let isFast = try run.program.profile().contains { $0.kernel == "fathom:winograd" }
        #expect(isFast == !usesOneDNNAlone)
        let y = try run.forward(testPattern(2 * 3 * 4 * 48 * 48))
        guard mode == .training else { return [y] }
        let dx = try run.backward(testPattern(y.count))
        return try [y, dx] + network.parameters.compactMap { try $0.gradient() }
      }
      for mode in [Program.Mode.training, .inference] {
        let fast = try results(usesOneDNNAlone: false, mode: mode)
        let direct = try results(usesOneDNNAlone: true, mode: mode)
        for (index, (a, b)) in zip(fast, direct).enumerated() {
          // A value near 0 passes ReLU in one and not in the other, which the gradients show.
          expectClose(a, b, "\(mode) \(index)", tolerance: index == 0 ? 1e-5 : 1e-3)
        }
      }
    }
  }
}
