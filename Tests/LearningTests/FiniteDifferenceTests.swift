import Foundation
import Learning
import StageKit
import Testing

extension LearningTests {
  /// Gradients beside central differences (f(x + hv) - f(x - hv)) / 2h of the Float64 reference.
  ///
  /// With h = 1e-5 and values near 1 the difference itself is right to about 1e-9, so what is seen is
  /// the rounding of our float32 gradients. A step of a whole network moves thousands of activations,
  /// some of which would pass the kink of a ReLU: with h = 1e-9 none does, and the rounding of Float64
  /// is still a hundred times below the tolerance.
  @Suite("gradients beside finite differences in Float64") struct FiniteDifferenceTests {
    private func normals(_ purpose: String, _ count: Int) -> [Double] {
      var random = CounterRandom(seed: 4, kind: "test", item: "differences", purpose: purpose)
      // Rounded, so that both sides see the same values.
      return (0..<count).map { _ in Double(Float(random.normal())) }
    }

    /// - Parameters:
    ///   - separately: whether each parameter has directions of its own, or all have them together
    ///   - step: h
    ///   - tolerance: of the derivative along a direction of unit variance, by the gradient's length
    private func check(
      _ layer: any Layer, _ shape: [Int], separately: Bool, step: Double, tolerance: Double,
      _ reference: (Reference, Volume) throws -> Volume
    ) throws {
      try Pattern.fill(layer)
      let learnt = layer.parameters.filter(\.isLearnt)
      let x = normals("x", shape.reduce(1, *))
      var point: [String: Volume] = ["": Volume(shape, x)]
      for parameter in learnt {
        point[parameter.name] = Volume(parameter.shape, try parameter.values().map { Double($0) })
      }
      func evaluate(_ point: [String: Volume]) throws -> Volume {
        try reference(Reference(parameters: point), try #require(point[""]))
      }
      let y = try evaluate(point)
      let run = try Run(layer, shape, on: OneDNNBackend(threads: 2))
      #expect(run.program.shape(of: run.output) == y.shape)
      expectClose(
        try run.forward(x.map { Float($0) }), y.values.map { Float($0) }, "y", tolerance: tolerance)
      let dy = normals("dy", y.values.count)
      var gradients = ["": try run.backward(dy.map { Float($0) }).map { Double($0) }]
      for parameter in learnt {
        gradients[parameter.name] = try #require(try parameter.gradient()).map { Double($0) }
      }
      func loss(_ point: [String: Volume]) throws -> Double {
        zip(try evaluate(point).values, dy).reduce(0) { $0 + $1.0 * $1.1 }
      }
      let names = gradients.keys.sorted()
      for group in separately ? names.map({ [$0] }) : [names] {
        for direction in 0..<3 {
          try compare(group, direction, point, gradients, step, tolerance, loss)
        }
      }
    }

    private func compare(
      _ names: [String], _ direction: Int, _ point: [String: Volume],
      _ gradients: [String: [Double]], _ step: Double, _ tolerance: Double,
      _ loss: ([String: Volume]) throws -> Double
    ) throws {
      var (above, below) = (point, point)
      var (derivative, square) = (0.0, 0.0)
      for name in names {
        let gradient = try #require(gradients[name])
        let along = normals("\(direction) \(name)", gradient.count)
        for (index, value) in along.enumerated() {
          above[name]?.values[index] += step * value
          below[name]?.values[index] -= step * value
          derivative += value * gradient[index]
          square += gradient[index] * gradient[index]
        }
      }
      let expected = try (loss(above) - loss(below)) / (2 * step)
      // A gradient that is 0 in theory has no length to compare with.
      let scale = max(square.squareRoot(), 1e-2)
      #expect(
        abs(derivative - expected) <= tolerance * scale,
        "\(names.count == 1 ? names[0] : "all"): \(derivative), by differences \(expected)")
    }

    @Test("of every layer", arguments: LayerTests.layers.map(\.name))
    func layers(name: String) throws {
      let layer = try #require(LayerTests.layers.first { $0.name == name }).make()
      let shape = try Goldens("layers.safetensors").shape("\(name).x")
      try check(layer, shape, separately: true, step: 1e-5, tolerance: 1e-5) {
        try $0.evaluate(layer, $1)
      }
    }

    @Test(
      "of 3D ResNets, with excitation and dilation or without",
      arguments: ResNet3D.Variant.allCases, [false, true])
    func clips(variant: ResNet3D.Variant, isSaliency: Bool) throws {
      let network = try ResNet3D(
        .init(
          variant: variant, channels: 1, width: 1 / 32, excites: isSaliency, dilates: isSaliency),
        initializer: Initializer(seed: 0))
      let shape = variant == .jing ? [2, 1, 8, 48, 32] : [2, 1, 6, 24, 24]
      // Each of nearly twenty layers with batch norm multiplies the rounding of those before it.
      try check(network, shape, separately: false, step: 1e-9, tolerance: 1e-4) {
        $0.resNet3D($1, variant, dilates: isSaliency)
      }
    }

    @Test("of SE-ResNeXt with either head", arguments: [false, true])
    func images(isAttention: Bool) throws {
      let initializer = Initializer(seed: 0)
      let network = try SEResNeXt(
        .init(width: 1 / 32, groups: 2, dilates: isAttention), initializer: initializer)
      let head: any Layer =
        isAttention
        ? try AttentionHead(channels: network.features, width: 8, initializer: initializer)
        : try ClassHead(channels: network.features, classes: 3, width: 8, initializer: initializer)
      let shape = isAttention ? [2, 1, 32, 40] : [2, 1, 96, 64]
      try check(Chain([network, head]), shape, separately: false, step: 1e-9, tolerance: 1e-4) {
        let features = $0.seResNeXt($1, groups: 2, dilates: isAttention)
        return isAttention ? $0.attention(features) : $0.classes(features)
      }
    }

    @Test("of the heads alone", arguments: [false, true])
    func heads(isAttention: Bool) throws {
      let initializer = Initializer(seed: 0)
      let head: any Layer =
        isAttention
        ? try AttentionHead(channels: 24, width: 8, initializer: initializer)
        : try ClassHead(channels: 24, classes: 3, width: 8, initializer: initializer)
      try check(head, [2, 24, 5, 6], separately: true, step: 1e-5, tolerance: 1e-5) {
        isAttention ? $0.attention($1) : $0.classes($1)
      }
    }

    @Test("of the heads of pretext tasks", arguments: PretextHeadTests.heads.map(\.name))
    func pretextHeads(name: String) throws {
      let head = try #require(PretextHeadTests.heads.first { $0.name == name }).make()
      let shape = try Goldens("heads.safetensors").shape("\(name).x")
      // The gradient of a bias before batch norm is 0 in theory: alone it has no length.
      try check(head, shape, separately: name != "vicreg", step: 1e-5, tolerance: 1e-5) {
        switch head {
        case is PairwiseHead: $0.pairwise(name, $1, pieces: name == "lee" ? 4 : 3)
        default: $0.projection(name, $1)
        }
      }
    }

    /// Dropout is linear, so differences of our own result are exact but for rounding.
    @Test("of dropout")
    func dropout() throws {
      let run = try Run(
        Dropout("drop", rate: 0.4, seed: 1), [2, 16, 3, 3], on: OneDNNBackend(threads: 2))
      let (x, along, dy) = (normals("x", 288), normals("v", 288), normals("dy", 288))
      func loss(_ step: Double) throws -> Double {
        let y = try run.forward(zip(x, along).map { Float($0 + step * $1) }, step: 9)
        return zip(y, dy).reduce(0) { $0 + Double($1.0) * $1.1 }
      }
      let expected = try (loss(1) - loss(-1)) / 2
      let dx = try run.backward(dy.map { Float($0) }, step: 9)
      let derivative = zip(dx, along).reduce(0) { $0 + Double($1.0) * $1.1 }
      #expect(abs(derivative - expected) <= 1e-5 * 288.0.squareRoot())
    }

    /// Losses are computed in Float64 from float32 values: h is a power of 2, so that both sides of a
    /// difference are exact, and its error is near h².
    @Test("of every loss, element by element")
    func losses() throws {
      func check(_ name: String, _ count: Int, _ loss: ([Float]) throws -> Loss) throws {
        let x = normals(name, count).map { ($0 * 1024).rounded() / 1024 }
        let gradient = try loss(x.map { Float($0) }).gradient
        let step = 0x1p-10
        let differences = try (0..<count).map { index in
          func value(_ sign: Double) throws -> Double {
            var moved = x
            moved[index] += sign * step
            return try loss(moved.map { Float($0) }).value
          }
          return try Float((value(1) - value(-1)) / (2 * step))
        }
        expectClose(gradient, differences, name, tolerance: 1e-5)
      }
      let labels = [2, 0, 1, 2, 1]
      try check("cross-entropy", 15) { try crossEntropy($0, classes: 3, labels: labels) }
      try check("cross-entropy with weights and smoothing", 15) {
        try crossEntropy($0, classes: 3, labels: labels, weights: [1, 2, 0.5], smoothing: 0.1)
      }
      let map: [Float] = [0.5, 0.25, 0.125, 0.125, 0, 0, 1, 0]
      try check("divergence of maps", 8) { try mapDivergence($0, targets: map, cells: 4) }
      try check("mean squared error", 8) { try meanSquaredError($0, targets: map) }
      for identities in [[0, 1, 2, 0, 1, 2], [4, 4, 1, 4, 1, 0]] {
        try check("contrastive \(identities)", 18) {
          try contrastive($0, width: 3, identities: identities, temperature: 0.5)
        }
      }
      try check("VICReg", 18) {
        try varianceInvarianceCovariance($0, width: 3, identities: [0, 1, 2, 0, 1, 2])
      }
    }
  }
}
