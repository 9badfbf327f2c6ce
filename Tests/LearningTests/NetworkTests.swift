import Foundation
import Learning
import Testing

extension LearningTests {
  @Suite("r3d_18 beside PyTorch") struct NetworkTests {
    struct Case: Sendable, CustomTestStringConvertible {
      var name: String
      var options: ResNet3D.Options
      var tap: String
      var testDescription: String { name }
    }

    static let cases = [
      Case(name: "plain", options: .init(width: 1 / 32), tap: "layer3"),
      Case(
        name: "saliency",
        options: .init(channels: 1, width: 3 / 128, excites: true, dilates: true), tap: "layer4"),
    ]

    struct Losses: Decodable {
      var curves: [String: [Double]]
    }

    /// Backbone and head as one layer.
    private func network(_ test: Case, _ goldens: Goldens) throws -> (ResNet3D, Linear) {
      let initializer = Initializer(seed: 0)
      let backbone = try ResNet3D(test.options, initializer: initializer)
      let head = try Linear("fc", backbone.features, 3, initializer: initializer)
      for parameter in backbone.parameters + head.parameters {
        #expect(parameter.shape == (try goldens.shape("\(test.name).\(parameter.name)")))
        try parameter.set(goldens.values("\(test.name).\(parameter.name)"))
      }
      return (backbone, head)
    }

    @Test("results and the gradient of every parameter", arguments: cases)
    func gradients(test: Case) throws {
      let goldens = try Goldens("networks.safetensors")
      let (backbone, head) = try network(test, goldens)
      let both = Chain([backbone, head])
      let run = try Run(both, goldens.shape("\(test.name).x"), on: OneDNNBackend(threads: 2))
      let y = try run.forward(goldens.values("\(test.name).x"))
      expectClose(y, try goldens.values("\(test.name).y"), "y")
      let dx = try run.backward(goldens.values("\(test.name).dy"))
      expectClose(dx, try goldens.values("\(test.name).dx"), "dx")
      for parameter in both.parameters {
        let key = "\(test.name).\(parameter.name)"
        if parameter.isLearnt {
          let gradient = try #require(try parameter.gradient())
          expectClose(gradient, try goldens.values("\(key).grad"), "\(key).grad")
        } else {
          expectClose(try parameter.values(), try goldens.values("\(key).after"), key)
        }
      }
    }

    @Test("inference with folded batch norm, and a tap", arguments: cases)
    func inference(test: Case) throws {
      let goldens = try Goldens("networks.safetensors")
      let (backbone, head) = try network(test, goldens)
      let program = Program(on: try OneDNNBackend(threads: 2), mode: .inference)
      let x = try program.input(goldens.shape("\(test.name).x"))
      let (result, taps) = try backbone.forward(x, tapping: [test.tap, "avgpool"], in: program)
      let (y, _) = try head.forward(result.0, in: program)
      let tap = try program.output(try #require(taps[test.tap]))
      let output = try program.output(y)
      try program.finish()
      try program.write(goldens.values("\(test.name).x"), to: x)
      for _ in 0..<2 {
        try program.forward()
        expectClose(try program.read(output), try goldens.values("\(test.name).inference"), "y")
        expectClose(try program.read(tap), try goldens.values("\(test.name).tap"), "tap")
      }
    }

    @Test("ten steps of gradient descent follow PyTorch's losses", arguments: cases)
    func curve(test: Case) throws {
      let goldens = try Goldens("networks.safetensors")
      let expected = try #require(
        try JSONDecoder().decode(
          Losses.self, from: Data(contentsOf: Goldens.folder().appending(path: "losses.json"))
        ).curves[test.name])
      let (backbone, head) = try network(test, goldens)
      let both = Chain([backbone, head])
      let shape = try goldens.shape("\(test.name).x")
      let backend = try OneDNNBackend(threads: 2)
      let run = try Run(both, shape, on: backend)
      let descent = try GradientDescent(
        both.parameters, .init(momentum: 0.9, isNesterov: true, decay: 1e-3), on: backend)
      let x = try goldens.values("\(test.name).x")
      for (step, golden) in expected.enumerated() {
        let loss = try crossEntropy(
          run.forward(x), classes: 3, labels: (0..<shape[0]).map { $0 % 3 })
        #expect(abs(loss.value - golden) <= 1e-4 * golden, "step \(step): \(loss.value)")
        _ = try run.backward(loss.gradient)
        try descent.step(rate: 0.01)
      }
    }

    @Test("the full network has torchvision's 33,371,472 parameters in its order")
    func parameterCount() throws {
      let initializer = Initializer(seed: 0)
      // As wide as it takes to name all; the count follows from the shapes.
      let backbone = try ResNet3D(initializer: initializer)
      let head = try Linear("fc", backbone.features, 400, initializer: initializer)
      let learnt = backbone.parameters.filter(\.isLearnt)
      #expect(learnt.reduce(0) { $0 + $1.count } == 33_166_272)
      #expect((learnt + head.parameters).reduce(0) { $0 + $1.count } == 33_371_472)
      #expect(learnt.first?.name == "stem.0.weight")
      #expect(learnt.first?.shape == [64, 3, 3, 7, 7])
      #expect(
        learnt.contains {
          $0.name == "layer2.0.downsample.0.weight" && $0.shape == [128, 64, 1, 1, 1]
        })
    }

    @Test("a layer that is not there is refused with the names of those that are")
    func unknownTap() throws {
      let backbone = try ResNet3D(.init(width: 1 / 64), initializer: Initializer(seed: 0))
      let program = Program(on: try OneDNNBackend(threads: 1), mode: .inference)
      let x = try program.input([1, 3, 4, 16, 16])
      #expect {
        _ = try backbone.forward(x, tapping: ["layer5"], in: program)
      } throws: {
        "\($0)".hasPrefix("no layer 'layer5'; there are stem, layer1.0, ")
      }
    }
  }
}
