import Foundation
import Learning
import StageKit
import Testing

extension LearningTests {
  @Suite("layers beside PyTorch") struct LayerTests {
    /// Layers by the name of their golden. The name of a parameter is `case.parameter`.
    static let layers: [(name: String, make: @Sendable () throws -> any Layer)] = {
      let initializer = Initializer(seed: 1)
      func convolution(
        _ name: String, _ input: Int, _ output: Int, _ window: Window, groups: Int = 1,
        bias: Bool = false
      ) -> (name: String, make: @Sendable () throws -> any Layer) {
        (
          name,
          {
            try Convolution(
              name, input, output, window, groups: groups, bias: bias, initializer: initializer)
          }
        )
      }
      func pooling(
        _ name: String, _ kind: Pooling.Kind, _ window: Window?
      ) -> (name: String, make: @Sendable () throws -> any Layer) {
        (name, { Pooling(name, kind, window) })
      }
      return [
        convolution(
          "conv2d", 3, 5, Window([3, 4], stride: [2, 1], padding: [1, 2]), bias: true),
        convolution("conv2d_dilated", 16, 16, Window([3, 3], padding: [2, 2], dilation: [2, 2])),
        convolution("conv3d", 3, 16, Window([3, 5, 5], stride: [1, 2, 2], padding: [1, 2, 2])),
        convolution(
          "conv3d_blocked", 16, 16, Window([3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1]),
          bias: true),
        convolution(
          "conv3d_dilated", 16, 16,
          Window([2, 3, 3], stride: [1, 2, 1], padding: [1, 2, 2], dilation: [1, 2, 2])),
        convolution(
          "conv_groups", 32, 32, Window([3, 3], padding: [1, 1]), groups: 2, bias: true),
        convolution("conv_narrow_groups", 12, 24, Window([3, 3], padding: [1, 1]), groups: 4),
        convolution(
          "conv_depthwise", 16, 16, Window([7, 7], padding: [3, 3]), groups: 16, bias: true),
        ("norm2d", { try BatchNorm("norm2d", 5) }),
        ("norm3d", { try BatchNorm("norm3d", 16) }),
        ("norm_relu", { try BatchNorm("norm_relu.0", 16, rectified: true) }),
        ("relu", { ReLU() }),
        ("sigmoid", { Sigmoid() }),
        pooling("max2d", .maximum, Window([3, 3], stride: [2, 2], padding: [1, 1])),
        pooling("max3d", .maximum, Window([3, 3, 3], stride: [2, 2, 2], padding: [1, 1, 1])),
        pooling("average2d", .average, Window([3, 3], stride: [2, 2], padding: [1, 1])),
        pooling(
          "average3d", .average, Window([2, 3, 3], stride: [1, 2, 2], padding: [1, 1, 1])),
        pooling("global", .average, nil),
        ("linear", { try Linear("linear", 7, 5, initializer: initializer) }),
        ("linear_wide", { try Linear("linear_wide", 64, 32, initializer: initializer) }),
        (
          "excitation",
          { try SqueezeExcitation("excitation", channels: 32, initializer: initializer) }
        ),
        (
          "excitation_narrow",
          { try SqueezeExcitation("excitation_narrow", channels: 5, initializer: initializer) }
        ),
      ]
    }()

    @Test("results, all gradients and running statistics", arguments: layers.map(\.name))
    func training(name: String) throws {
      let layer = try #require(LayerTests.layers.first { $0.name == name }).make()
      try check(layer, name, tolerance: 1e-4, type: .float32)
    }

    /// Rounded values tie where others did not, so the gradient of a maximum goes elsewhere.
    @Test(
      "bfloat16 stays close to float32's results", .enabled(if: hasBFloat16, noBFloat16),
      arguments: layers.map(\.name).filter { !$0.hasPrefix("max") })
    func bfloat16(name: String) throws {
      let layer = try #require(LayerTests.layers.first { $0.name == name }).make()
      // Up to three factors of 8 bits each (2^-9 at most, each), and gradients that pass ReLU or not.
      try check(layer, name, tolerance: 0.04, type: .bfloat16)
    }

    private func check(
      _ layer: any Layer, _ name: String, tolerance: Double, type: ElementType
    ) throws {
      let goldens = try Goldens("layers.safetensors")
      for parameter in layer.parameters { try parameter.set(goldens.values(parameter.name)) }
      let run = try Run(
        layer, goldens.shape("\(name).x"), type: type, on: OneDNNBackend(threads: 2))
      #expect(run.program.shape(of: run.output) == (try goldens.shape("\(name).y")))
      let y = try run.forward(goldens.values("\(name).x"))
      expectClose(y, try goldens.values("\(name).y"), "y", tolerance: tolerance)
      let dx = try run.backward(goldens.values("\(name).dy"))
      expectClose(dx, try goldens.values("\(name).dx"), "dx", tolerance: tolerance)
      for parameter in layer.parameters {
        if parameter.isLearnt {
          let gradient = try #require(try parameter.gradient())
          expectClose(
            gradient, try goldens.values("\(parameter.name).grad"), "\(parameter.name).grad",
            tolerance: tolerance)
        } else {
          expectClose(
            try parameter.values(), try goldens.values("\(parameter.name).after"), parameter.name,
            tolerance: tolerance)
        }
      }
    }

    @Test("batch norm with running statistics", arguments: ["norm2d", "norm3d"])
    func inference(name: String) throws {
      let goldens = try Goldens("layers.safetensors")
      let name = "\(name)_inference"
      let shape = try goldens.shape("\(name).x")
      let layer = try BatchNorm(name, shape[1])
      for parameter in layer.parameters { try parameter.set(goldens.values(parameter.name)) }
      let run = try Run(layer, shape, mode: .inference, on: OneDNNBackend(threads: 2))
      expectClose(
        try run.forward(goldens.values("\(name).x")), try goldens.values("\(name).y"), "y")
    }
  }

  @Suite("what layers do without PyTorch") struct LayerPropertyTests {
    @Test("dropout drops its share, scales the rest, and the gradient goes the same way")
    func dropout() throws {
      let layer = try Dropout("drop", rate: 0.3, seed: 5)
      let run = try Run(layer, [4, 16, 10, 10], on: OneDNNBackend(threads: 2))
      let ones = [Float](repeating: 1, count: 6400)
      let y = try run.forward(ones, step: 3)
      #expect(Set(y) == [0, 1 / (1 - 0.3)])
      let dropped = y.count { $0 == 0 }
      // Five standard deviations of a binomial distribution.
      #expect(abs(Double(dropped) - 1920) < 5 * (6400 * 0.3 * 0.7).squareRoot())
      #expect(try run.backward(ones, step: 3) == y)
      #expect(try run.forward(ones, step: 3) == y)
      #expect(try run.forward(ones, step: 4) != y)
      let other = try Run(
        Dropout("drop", rate: 0.3, seed: 6), [4, 16, 10, 10], on: OneDNNBackend(threads: 2))
      #expect(try other.forward(ones, step: 3) != y)
    }

    @Test("dropout passes everything in inference")
    func dropoutInInference() throws {
      let run = try Run(
        Dropout("drop", rate: 0.3, seed: 5), [2, 8], mode: .inference,
        on: OneDNNBackend(threads: 1))
      let x = (0..<16).map { Float($0) }
      #expect(try run.forward(x) == x)
    }

    @Test("impossible settings and shapes are refused with what was expected")
    func refusals() throws {
      let initializer = Initializer(seed: 0)
      func message(_ body: () throws -> Void) -> String {
        do {
          try body()
          return "no error"
        } catch { return "\(error)" }
      }
      #expect(
        message { _ = try Convolution("c", 3, 4, Window([3]), groups: 2, initializer: initializer) }
          == "c: 3 to 4 channels in 2 groups; both must be multiples of it")
      #expect(
        message {
          let layer = try Convolution("c", 3, 4, Window([5, 5]), initializer: initializer)
          _ = try Run(layer, [1, 3, 4, 9], on: OneDNNBackend(threads: 1))
        } == "c: a kernel that reaches over 5 does not fit into 4 with padding 0")
      #expect(
        message {
          let layer = try Convolution("c", 3, 4, Window([1, 1]), initializer: initializer)
          _ = try Run(layer, [1, 2, 4, 9], on: OneDNNBackend(threads: 1))
        } == "c: expected [n, 3] and 2 spatial dimensions, got [1, 2, 4, 9]")
      #expect(
        message {
          _ = try Run(
            Linear("l", 4, 2, initializer: initializer), [3, 5], on: OneDNNBackend(threads: 1))
        } == "l: expected [n, 4], got [3, 5]")
      #expect(
        message { _ = try Run(BatchNorm("b", 4), [1, 4], on: OneDNNBackend(threads: 1)) }
          == "b: one value a channel has no variance; use a batch of at least 2")
      #expect(
        message { _ = try Dropout("d", rate: 1, seed: 0) }
          == "d: rate is 1.0; expected 0 to below 1")
      #expect(message { _ = try OneDNNBackend(threads: 0) }.hasPrefix("threads is 0"))
    }
  }
}
