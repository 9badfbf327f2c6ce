import Foundation
import Learning
import StageKit
import TestKit
import Testing

extension LearningTests {
  @Suite("weights as safetensors") struct WeightsTests {
    struct Golden: Decodable {
      var bytes: Int
      var sha256: String
      var logits: [Float]
      var greyLogits: [Float]

      init() throws {
        self = try JSONDecoder().decode(
          Golden.self, from: Data(contentsOf: Goldens.folder().appending(path: "torchvision.json")))
      }
    }

    private func r3d(channels: Int = 3, width: Double = 1, classes: Int = 400) throws -> Chain {
      let initializer = Initializer(seed: 0)
      let backbone = try ResNet3D(.init(channels: channels, width: width), initializer: initializer)
      return Chain([
        backbone, try Linear("fc", backbone.features, classes, initializer: initializer),
      ])
    }

    private func logits(_ network: any Layer, channels: Int) throws -> [Float] {
      let shape = [1, channels, 8, 32, 40]
      let run = try Run(network, shape, mode: .inference, on: OneDNNBackend(threads: 2))
      return Array(try run.forward(Pattern.values("clip", shape)).prefix(16))
    }

    /// The script writes the file of this digest out of torchvision's `r3d_18` and computes the logits
    /// there. `FATHOM_WEIGHTS` names a folder that keeps both files, for its `check`.
    @Test("an r3d_18 of full size is torchvision's file to the byte, both ways, and for grey clips")
    func torchvision() throws {
      let golden = try Golden()
      let scratch = try Scratch()
      let folder = ProcessInfo.processInfo.environment["FATHOM_WEIGHTS"] ?? scratch.path
      let path = "\(folder)/r3d_18.safetensors"
      let saved = try r3d()
      try Pattern.fill(saved)
      try saved.save(to: path)
      let data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
      #expect(data.count == golden.bytes)
      #expect(Digest(of: data).hex == golden.sha256)

      let loaded = try r3d()
      try loaded.load(from: path)
      #expect(loaded.counters.allSatisfy { $0.count == 7 })
      expectClose(try logits(loaded, channels: 3), golden.logits, "logits")
      let grey = try r3d(channels: 1)
      try grey.load(from: path)
      expectClose(try logits(grey, channels: 1), golden.greyLogits, "logits of grey clips")
      try grey.save(to: "\(folder)/grey.safetensors")
      #expect(
        try SafetensorsFile(path: "\(folder)/grey.safetensors").entry("stem.0.weight").shape
          == [64, 1, 3, 7, 7])
      withExtendedLifetime(scratch) {}
    }

    @Test("what is saved from a device and loaded again is equal to the bit")
    func roundTrip() throws {
      let folder = try Scratch()
      let network = try r3d(width: 1 / 32, classes: 3)
      try Pattern.fill(network)
      // On a device weights lie blocked; one forward pass moves statistics and counters.
      let run = try Run(network, [2, 3, 4, 24, 24], on: OneDNNBackend(threads: 2))
      _ = try run.forward(Pattern.values("x", [2, 3, 4, 24, 24]))
      try network.save(to: "\(folder.path)/a")
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/a.new"))

      let other = try r3d(width: 1 / 32, classes: 3)
      let onDevice = try Run(other, [2, 3, 4, 24, 24], on: OneDNNBackend(threads: 2))
      try other.load(from: "\(folder.path)/a")
      for (one, two) in zip(network.parameters, other.parameters) {
        #expect(try one.values() == two.values(), "\(one.name)")
      }
      #expect(other.counters.map(\.count) == network.counters.map(\.count))
      #expect(other.counters.first?.count == 8)
      try other.save(to: "\(folder.path)/b")
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/a"))
          == Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/b")))
      withExtendedLifetime(onDevice) {}
    }

    @Test("a backbone is loaded without the head of the file, and a head keeps its own weights")
    func leavingOut() throws {
      let folder = try Scratch()
      let path = "\(folder.path)/weights"
      let whole = try r3d(width: 1 / 32, classes: 3)
      try Pattern.fill(whole)
      try whole.save(to: path)
      let backbone = try ResNet3D(.init(width: 1 / 32), initializer: Initializer(seed: 3))
      #expect(
        problem { try backbone.load(from: path) }.hasSuffix(
          "'fc.bias' F32 [3] is not part of the network;"
            + " 'fc.weight' F32 [3, 16] is not part of the network"))
      try backbone.load(from: path, leavingOut: ["fc."])
      #expect(try backbone.parameters[0].values() == whole.parameters[0].values())
      // Another number of classes.
      let other = try r3d(width: 1 / 32, classes: 5)
      let head = try #require(other.parameters.last).values()
      try other.load(from: path, leavingOut: ["fc."])
      #expect(try #require(other.parameters.last).values() == head)
      #expect(try other.parameters[0].values() == whole.parameters[0].values())
    }

    // MARK: Bad files

    /// Two tensors and a counter.
    private func norm() throws -> BatchNorm { try BatchNorm("bn", 2) }

    private static let good: [(String, any TensorValues, [Int])] = [
      ("bn.weight", [1, 2] as [Float], [2]), ("bn.bias", [3, 4] as [Float], [2]),
      ("bn.running_mean", [5, 6] as [Float], [2]), ("bn.running_var", [7, 8] as [Float], [2]),
      ("bn.num_batches_tracked", [9] as [Int64], []),
    ]

    private func problem(_ body: () throws -> Void) -> String {
      do {
        try body()
        return "no error"
      } catch let error as LearningError {
        #expect(error.code == .badWeights)
        return error.message
      } catch { return "\(type(of: error)): \(error)" }
    }

    /// What loading says of a file with some tensors changed; the layer must not change.
    private func problem(
      _ changes: [String: (any TensorValues, [Int])?],
      adding: [(String, any TensorValues, [Int])] = []
    ) throws -> String {
      let folder = try Scratch()
      let path = "\(folder.path)/w"
      var tensors = WeightsTests.good.compactMap { name, values, shape in
        switch changes[name] {
        case .none: (name, values, shape)
        case .some(.none): nil
        case .some(.some(let change)): (name, change.0, change.1)
        }
      }
      tensors += adding
      try rawSafetensors(tensors).write(to: URL(fileURLWithPath: path))
      let layer = try norm()
      let before = try layer.parameters.map { try $0.values() }
      let message = problem { try layer.load(from: path) }
      if message == "no error" {
        #expect(
          try layer.parameters.map { try $0.values() } == [[1, 2], [3, 4], [5, 6], [7, 8]])
        #expect(layer.counter.count == 9)
      } else {
        #expect(try layer.parameters.map { try $0.values() } == before)
        #expect(layer.counter.count == 0)
      }
      return message.replacingOccurrences(of: "'\(path)': ", with: "")
    }

    @Test("files that do not fit are refused whole, and each tensor is named")
    func badTensors() throws {
      #expect(try problem([:]) == "no error")
      #expect(
        try problem(["bn.bias": nil]) == "'bn.bias' is missing; expected F32 [2]")
      #expect(
        try problem(["bn.num_batches_tracked": nil])
          == "'bn.num_batches_tracked' is missing; expected I64 []")
      #expect(
        try problem(["bn.bias": ([1, 2, 3] as [Float], [3])])
          == "'bn.bias' is F32 [3]; expected F32 [2]")
      #expect(
        try problem(["bn.bias": ([1, 2] as [Float], [1, 2])])
          == "'bn.bias' is F32 [1, 2]; expected F32 [2]")
      #expect(
        try problem(["bn.bias": ([1, 2] as [Double], [2])])
          == "'bn.bias' is F64 [2]; expected F32 [2]")
      #expect(
        try problem(["bn.num_batches_tracked": ([1] as [Int32], [])])
          == "'bn.num_batches_tracked' is I32 []; expected I64 []")
      #expect(
        try problem(["bn.num_batches_tracked": ([-1] as [Int64], [])])
          == "'bn.num_batches_tracked' is -1; expected at least 0")
      #expect(
        try problem(["bn.running_mean": ([0, .nan] as [Float], [2])])
          == "'bn.running_mean' holds nan at element 1; expected finite values")
      #expect(
        try problem(["bn.weight": ([-.infinity, 0] as [Float], [2])])
          == "'bn.weight' holds -inf at element 0; expected finite values")
      #expect(
        try problem(["bn.running_var": ([1, -1] as [Float], [2])])
          == "'bn.running_var' holds -1.0 at element 1; expected at least 0")
      #expect(
        try problem([:], adding: [("bn2.weight", [1] as [Float], [1])])
          == "'bn2.weight' F32 [1] is not part of the network")
      #expect(
        try problem(["bn.weight": nil, "bn.bias": ([1] as [Float], [1])])
          == "'bn.weight' is missing; expected F32 [2]; 'bn.bias' is F32 [1]; expected F32 [2]")
      let many = (0..<8).map { ("x\($0)", [1] as [Float] as any TensorValues, [1]) }
      #expect(try problem([:], adding: many).hasSuffix("; and 3 more"))
    }

    @Test("files that are no safetensors, cut off at any place or absent are refused")
    func badFiles() throws {
      let folder = try Scratch()
      let path = "\(folder.path)/w"
      let layer = try norm()
      #expect(problem { try layer.load(from: path) }.contains("No such file"))
      let good = rawSafetensors(WeightsTests.good)
      for length in 0..<good.count {
        try good.prefix(length).write(to: URL(fileURLWithPath: path))
        #expect(problem { try layer.load(from: path) }.contains(path), "\(length) bytes")
      }
      try good.dropLast(1).write(to: URL(fileURLWithPath: path))
      #expect(
        problem { try layer.load(from: path) }.contains(
          "truncated in tensor 'bn.num_batches_tracked'"))
      try Data("PK\u{3}\u{4} not safetensors at all".utf8).write(to: URL(fileURLWithPath: path))
      #expect(problem { try layer.load(from: path) }.contains("is no safetensors file"))
      #expect(layer.counter.count == 0)
    }

    @Test("weights of other colours are summed for the layer that reads images, and for no other")
    func colours() throws {
      let folder = try Scratch()
      let path = "\(folder.path)/w"
      let initializer = Initializer(seed: 0)
      func network(_ channels: Int) throws -> SEResNeXt {
        try SEResNeXt(.init(channels: channels, width: 1 / 32, groups: 2), initializer: initializer)
      }
      let colour = try network(3)
      try colour.save(to: path)
      let grey = try network(1)
      try grey.load(from: path)
      let (three, one) = (try colour.parameters[0].values(), try grey.parameters[0].values())
      for index in one.indices {
        let first = index / 49 * 147 + index % 49
        let sum = Double(three[first]) + Double(three[first + 49]) + Double(three[first + 98])
        #expect(one[index] == Float(sum))
      }
      // The other way there is no answer.
      try grey.save(to: path)
      #expect(
        problem { try colour.load(from: path) }.hasSuffix(
          "'conv1.weight' is F32 [2, 1, 7, 7]; expected F32 [2, 3, 7, 7]"))
      // A depthwise layer has one input channel for another reason.
      let window = Window([3])
      try Convolution("c", 3, 4, window, initializer: initializer).save(to: path)
      let depthwise = try Convolution("c", 4, 4, window, groups: 4, initializer: initializer)
      #expect(
        problem { try depthwise.load(from: path) }.hasSuffix(
          "'c.weight' is F32 [4, 3, 3]; expected F32 [4, 1, 3]"))
    }

    @Test("values that could not be loaded again are not saved, and names must differ")
    func badNetworks() throws {
      let folder = try Scratch()
      let path = "\(folder.path)/w"
      let layer = try norm()
      try layer.save(to: path)
      let before = try Data(contentsOf: URL(fileURLWithPath: path))
      try layer.bias.set([0, .nan])
      #expect {
        try layer.save(to: path)
      } throws: { error in
        (error as? LearningError)?.code == .notFinite
          && "\(error)"
            == "'bn.bias' holds nan at element 1; expected finite values; nothing was written"
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == before)
      #expect(!FileManager.default.fileExists(atPath: "\(path).new"))
      #expect {
        try Chain([try norm(), try norm()]).save(to: path)
      } throws: {
        "\($0)" == "two parameters are named 'bn.bias'"
      }
      #expect(
        problem { try norm().save(to: "\(folder.path)/none/w") }.contains("cannot be written"))
    }
  }
}

/// Elements of one type.
protocol TensorValues: Sendable {
  var typeName: String { get }
  var bytes: [UInt8] { get }
}

extension Array: TensorValues where Element: TensorElement {
  var typeName: String { Element.tensorType.rawValue }
  var bytes: [UInt8] { withUnsafeBytes { [UInt8]($0) } }
}

/// A file made by hand, so that any fault can be put into it.
private func rawSafetensors(_ tensors: [(String, any TensorValues, [Int])]) -> Data {
  var (entries, body): ([String], [UInt8]) = ([], [])
  for (name, values, shape) in tensors {
    let (start, end) = (body.count, body.count + values.bytes.count)
    body += values.bytes
    entries.append(
      #""\#(name)":{"dtype":"\#(values.typeName)","shape":\#(shape),"data_offsets":[\#(start),\#(end)]}"#
    )
  }
  let header = Array("{\(entries.joined(separator: ","))}".utf8)
  return withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header + body
}
