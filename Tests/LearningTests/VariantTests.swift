import Foundation
import Learning
import StageKit
import Testing

extension LearningTests {
  @Suite("Jing's network, SE-ResNeXt and its heads beside PyTorch") struct VariantTests {
    struct Case: Sendable, CustomTestStringConvertible {
      var name: String
      var shape: [Int]
      var tap: String
      var make: @Sendable (Initializer) throws -> (any Backbone, head: (any Layer)?)
      var testDescription: String { name }
    }

    static let cases = [
      Case(name: "jing", shape: [2, 1, 8, 48, 32], tap: "layer3") {
        (
          try ResNet3D(.init(variant: .jing, channels: 1, width: 1 / 32), initializer: $0),
          head: nil
        )
      },
      Case(name: "jing_saliency", shape: [2, 1, 8, 48, 32], tap: "layer4") {
        (
          try ResNet3D(
            .init(variant: .jing, channels: 1, width: 3 / 128, excites: true, dilates: true),
            initializer: $0), head: nil
        )
      },
      Case(name: "attention", shape: [2, 1, 64, 48], tap: "layer4") {
        let network = try SEResNeXt(.init(width: 1 / 32, groups: 2, dilates: true), initializer: $0)
        return (
          network, head: try AttentionHead(channels: network.features, width: 8, initializer: $0)
        )
      },
      Case(name: "classes", shape: [2, 1, 128, 96], tap: "layer3") {
        let network = try SEResNeXt(.init(width: 1 / 32, groups: 2), initializer: $0)
        return (
          network,
          head: try ClassHead(channels: network.features, classes: 3, width: 8, initializer: $0)
        )
      },
    ]

    @Test("results and the gradient of every parameter", arguments: cases)
    func gradients(test: Case) throws {
      let goldens = try Goldens("variants.safetensors")
      let (backbone, head) = try test.make(Initializer(seed: 0))
      let both = Chain([backbone] + (head.map { [$0] } ?? []))
      try Pattern.fill(both)
      let run = try Run(both, test.shape, on: OneDNNBackend(threads: 2))
      let y = try run.forward(Pattern.values("x", test.shape))
      expectClose(y, try goldens.values("\(test.name).y"), "y")
      let dx = try run.backward(Pattern.values("dy", run.program.shape(of: run.output)))
      expectClose(dx, try goldens.values("\(test.name).dx"), "dx")
      let stored = goldens.file.entries.count {
        $0.name.hasPrefix("\(test.name).")
          && ($0.name.hasSuffix(".grad") || $0.name.hasSuffix(".after"))
      }
      #expect(both.parameters.count == stored)
      for parameter in both.parameters where !parameter.isLearnt {
        let key = "\(test.name).\(parameter.name)"
        expectClose(try parameter.values(), try goldens.values("\(key).after"), key)
      }
      try expectCloseGradients(of: both.parameters.filter(\.isLearnt), goldens, test.name)
      #expect(both.counters.allSatisfy { $0.count == 8 })
      // Batch statistics do not depend on running ones: the same again, to the bit.
      let gradients = try both.parameters.map { try $0.gradient() }
      #expect(try run.forward(Pattern.values("x", test.shape)) == y)
      let dy = Pattern.values("dy", run.program.shape(of: run.output))
      #expect(try run.backward(dy) == dx)
      #expect(try both.parameters.map { try $0.gradient() } == gradients)
    }

    /// Of weight and bias of a layer as one vector.
    ///
    /// What precedes a batch norm can be scaled at will, so the gradient of weight and bias is about 0
    /// along one direction: a weight's own may be a thousandth of the bias's, and as much less exact.
    /// Where more than that cancels, PyTorch's float32 says how exact one can be.
    private func expectCloseGradients(
      of parameters: [Parameter], _ goldens: Goldens, _ name: String
    ) throws {
      func layer(_ parameter: Parameter) -> String {
        parameter.name.split(separator: ".").dropLast().joined(separator: ".")
      }
      for (layer, parameters) in Dictionary(grouping: parameters, by: layer) {
        let found = try parameters.flatMap { try #require(try $0.gradient()) }
        let expected = try parameters.flatMap { try goldens.values("\(name).\($0.name).grad") }
        let theirs = "\(name).\(layer).float32"
        let limit = goldens.has(theirs) ? 2 * Double(try goldens.values(theirs)[0]) : 0
        expectClose(found, expected, "\(name).\(layer)", tolerance: max(1e-4, limit))
      }
    }

    @Test("inference with folded batch norm, and a tap", arguments: cases)
    func inference(test: Case) throws {
      let goldens = try Goldens("variants.safetensors")
      let (backbone, head) = try test.make(Initializer(seed: 0))
      try Pattern.fill(Chain([backbone] + (head.map { [$0] } ?? [])))
      let last = try #require(backbone.layerNames.last)
      let program = Program(on: try OneDNNBackend(threads: 2), mode: .inference)
      let x = try program.input(test.shape)
      let (result, taps) = try backbone.forward(x, tapping: [test.tap, last], in: program)
      let y = try head?.forward(result.0, in: program).0 ?? result.0
      let tap = try program.output(try #require(taps[test.tap]))
      let output = try program.output(y)
      try program.finish()
      try program.write(Pattern.values("x", test.shape), to: x)
      try program.forward()
      expectClose(try program.read(output), try goldens.values("\(test.name).inference"), "y")
      expectClose(try program.read(tap), try goldens.values("\(test.name).tap"), "tap")
      #expect(program.shape(of: tap) == (try goldens.shape("\(test.name).tap")))
    }

    @Test(
      "bfloat16 stays close to float32's results", .enabled(if: hasBFloat16, noBFloat16),
      arguments: cases)
    func bfloat16(test: Case) throws {
      let goldens = try Goldens("variants.safetensors")
      let (backbone, head) = try test.make(Initializer(seed: 0))
      let both = Chain([backbone] + (head.map { [$0] } ?? []))
      try Pattern.fill(both)
      let run = try Run(
        both, test.shape, mode: .inference, type: .bfloat16, on: OneDNNBackend(threads: 2))
      // Up to 50 layers, each rounding to 8 bits: 2^-9 times the square root of 50, and a factor of 4.
      expectClose(
        try run.forward(Pattern.values("x", test.shape)),
        try goldens.values("\(test.name).inference"), "y", tolerance: 0.055)
    }

    @Test("numbers of parameters are those of the papers and of PyTorch")
    func parameterCounts() throws {
      struct Expected: Decodable { var parameters: [String: Int] }
      let expected = try JSONDecoder().decode(
        Expected.self, from: Data(contentsOf: Goldens.folder().appending(path: "torchvision.json"))
      ).parameters
      let initializer = Initializer(seed: 0)
      func count(_ layer: any Layer) -> Int {
        layer.parameters.filter(\.isLearnt).reduce(0) { $0 + $1.count }
      }
      let backbone = try SEResNeXt(initializer: initializer)
      let attention = try AttentionHead(channels: backbone.features, initializer: initializer)
      let classes = try ClassHead(
        channels: backbone.features, classes: 14, initializer: initializer)
      let counts = [count(backbone), count(attention), count(classes)]
      // Droste et al. (2019): 6.759 M, 0.380 M, 0.266 M; together 7.405 M.
      #expect(counts == [6_759_448, 379_649, 265_998])
      #expect(counts.reduce(0, +) == 7_405_095)
      #expect(counts[0] == expected["se_resnext"])
      #expect(counts[1] == expected["attention"])
      #expect(counts[2] == expected["classes_14"])
      #expect(
        count(try SEResNeXt(.init(dilates: true), initializer: initializer)) == counts[0])
      let jing = try ResNet3D(.init(variant: .jing), initializer: initializer)
      #expect(count(jing) == 33_030_080)
      #expect(count(jing) == expected["jing"])
    }

    @Test("grids are those of the paper's table at [224, 288]")
    func grids() throws {
      for (dilates, grid) in [(false, [7, 9]), (true, [28, 36])] {
        let network = try SEResNeXt(
          .init(width: 1 / 16, groups: 2, dilates: dilates), initializer: Initializer(seed: 0))
        let program = Program(on: try OneDNNBackend(threads: 2), mode: .inference)
        let x = try program.input([1, 1, 224, 288])
        let names = ["conv1", "maxpool", "layer1", "layer2", "layer3", "layer4"]
        let (_, taps) = try network.forward(x, tapping: names, in: program)
        let shapes = try names.map { Array(program.shape(of: try #require(taps[$0])).dropFirst(2)) }
        #expect(Array(shapes[..<4]) == [[112, 144], [56, 72], [56, 72], [28, 36]])
        #expect(shapes[4] == (dilates ? [28, 36] : [14, 18]))
        #expect(shapes[5] == grid)
        #expect(network.layerNames.last == "layer4.2")
        #expect(network.layerNames.count == 18)
      }
    }

    @Test("attention maps are the softmax over all cells of each map")
    func maps() throws {
      let maps = try attentionMaps([0, 0, 0, 0, 1, 2, 3, 1000], cells: 4)
      #expect(maps == [0.25, 0.25, 0.25, 0.25, 0, 0, 0, 1])
      #expect(throws: LearningError.self) { try attentionMaps([1, 2, 3], cells: 2) }
    }

    @Test("impossible options are refused with what was expected")
    func refusals() throws {
      func message(_ body: () throws -> Void) -> String {
        do {
          try body()
          return "no error"
        } catch { return "\(error)" }
      }
      let initializer = Initializer(seed: 0)
      #expect(
        message { _ = try SEResNeXt(.init(width: 1 / 8), initializer: initializer) }
          == "groups is 16; expected a divisor of 8 channels")
      #expect(
        message { _ = try SEResNeXt(.init(channels: 2), initializer: initializer) }
          == "channels is 2; expected 1 (grey) or 3 (colour)")
      #expect(
        message { _ = try SEResNeXt(.init(width: 0), initializer: initializer) }
          == "width is 0.0; expected above 0, at most 8")
      let small = try SEResNeXt(.init(width: 1 / 32, groups: 2), initializer: initializer)
      #expect(
        message { _ = try Run(small, [1, 3, 64, 64], on: OneDNNBackend(threads: 1)) }
          == "conv1: expected [n, 1] and 2 spatial dimensions, got [1, 3, 64, 64]")
    }
  }
}

extension LearningTests {
  @Suite("dilation in place of strides") struct DilationTests {
    /// The results of two backbones with the same weights, at a tap.
    private func results(
      _ networks: [any Backbone], _ shape: [Int], tap: String
    ) throws -> [(shape: [Int], values: [Float])] {
      try networks.map { network in
        try Pattern.fill(network)
        let program = Program(on: try OneDNNBackend(threads: 2), mode: .inference)
        let x = try program.input(shape)
        let (_, taps) = try network.forward(x, tapping: [tap], in: program)
        let y = try program.output(try #require(taps[tap]))
        try program.finish()
        try program.write(Pattern.values("x", shape), to: x)
        try program.forward()
        return (program.shape(of: y), try program.read(y))
      }
    }

    /// Every `distance`-th cell of the last two dimensions.
    private func thinned(_ values: [Float], _ shape: [Int], by distance: Int) -> [Float] {
      let (height, width) = (shape[shape.count - 2], shape[shape.count - 1])
      let planes = values.count / (height * width)
      return (0..<planes).flatMap { plane in
        stride(from: 0, to: height, by: distance).flatMap { row in
          stride(from: 0, to: width, by: distance).map { column in
            values[(plane * height + row) * width + column]
          }
        }
      }
    }

    // Even and odd grids: 96 x 128 gives 12 x 16 cells, 100 x 72 gives 13 x 9.
    @Test(
      "without excitation, SE-ResNeXt's dilated result at every d-th cell is the strided one",
      arguments: [[1, 1, 96, 128], [1, 1, 100, 72]])
    func images(shape: [Int]) throws {
      func network(excites: Bool, dilates: Bool) throws -> SEResNeXt {
        try SEResNeXt(
          .init(width: 1 / 16, groups: 2, excites: excites, dilates: dilates),
          initializer: Initializer(seed: 0))
      }
      for (tap, distance) in [("layer2", 1), ("layer3", 2), ("layer4", 4)] {
        let both = try results(
          [false, true].map { try network(excites: false, dilates: $0) }, shape, tap: tap)
        expectClose(
          thinned(both[1].values, both[1].shape, by: distance), both[0].values, tap,
          tolerance: 2e-6)
      }
      // With excitation the means are over other cells: what is tested above is not trivial.
      let excited = try results(
        [false, true].map { try network(excites: true, dilates: $0) }, shape, tap: "layer4")
      #expect(
        relativeError(thinned(excited[1].values, excited[1].shape, by: 4), excited[0].values) > 1e-3
      )
    }

    @Test(
      "without excitation, a 3D ResNet's dilated result at every second cell is the strided one",
      arguments: ResNet3D.Variant.allCases, [[1, 1, 8, 64, 80], [1, 1, 8, 72, 68]])
    func clips(variant: ResNet3D.Variant, shape: [Int]) throws {
      let networks = try [false, true].map {
        try ResNet3D(
          .init(variant: variant, channels: 1, width: 1 / 16, dilates: $0),
          initializer: Initializer(seed: 0))
      }
      let both = try results(networks, shape, tap: "layer4")
      expectClose(
        thinned(both[1].values, both[1].shape, by: 2), both[0].values, "layer4", tolerance: 2e-6)
    }
  }
}
