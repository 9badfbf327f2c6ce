// One training step or one inference of r3d_18, timed: the part of the learning benchmark that is
// ours.
//
//   learning-step train|infer float32|bfloat16|auto BATCH FRAMES SIZE
//                 [channels=3] [width=1] [se] [dilate]
//
// Answers each line of standard input with one of output: `step` with the seconds of one step,
// `profile` with the seconds of each kind of operation, `operations` with those of each by layer and
// kernel, `precision` with what `auto` is here, `peak` with the peak memory in bytes.
import Foundation
import Learning

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data("learning-step: \(message)\n".utf8))
  exit(2)
}

func answer(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

func peakBytes() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
    return (Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) ?? 0) << 10
  }
  return 0
}

func networkOptions(_ words: some Sequence<String>) -> ResNet3D.Options? {
  var options = ResNet3D.Options()
  for word in words {
    let parts = word.split(separator: "=").map(String.init)
    switch (parts.first, parts.count) {
    case ("se", 1): options.excites = true
    case ("dilate", 1): options.dilates = true
    case ("channels", 2):
      guard let channels = Int(parts[1]), [1, 3].contains(channels) else { return nil }
      options.channels = channels
    case ("width", 2):
      guard let width = Double(parts[1]), (1.0 / 64...8).contains(width) else { return nil }
      options.width = width
    default: return nil
    }
  }
  return options
}

let arguments = CommandLine.arguments
guard arguments.count >= 6, let precision = Precision(rawValue: arguments[2]),
  let batch = Int(arguments[3]), let frames = Int(arguments[4]), let size = Int(arguments[5]),
  let options = networkOptions(arguments.dropFirst(6))
else {
  fail(
    "usage: learning-step train|infer float32|bfloat16|auto BATCH FRAMES SIZE [channels=3] [width=1]"
      + " [se] [dilate]")
}

let isTraining = arguments[1] == "train"
let classes = 4
let backend = try OneDNNBackend(threads: 2)
let initializer = Initializer(seed: 0)
let network = try ResNet3D(options, initializer: initializer)
let type = try precision.resolved(on: backend)
let shape = [batch, options.channels, frames, size, size]
let labels = (0..<batch).map { $0 % classes }
var random = SystemRandomNumberGenerator()
let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: 0..<1, using: &random) }

let program: Program
let step: () throws -> Void
if isTraining {
  let head = try Linear("fc", network.features, classes, initializer: initializer)
  let training = try Training(
    backbone: network, heads: [head], shape: shape, type: type, on: backend)
  let descent = try GradientDescent(
    network.parameters + head.parameters, .init(momentum: 0.9, decay: 1e-4), on: backend)
  program = training.program
  step = {
    _ = try training.compute(values, step: 0) {
      [try crossEntropy($0[0], classes: classes, labels: labels)]
    }
    try descent.step(rate: 0.01)
  }
} else {
  program = Program(on: backend, mode: .inference, type: type)
  let clips = try program.input(shape)
  let output = try program.output(network.forward(clips, in: program).0)
  try program.finish()
  step = {
    try program.write(values, to: clips)
    try program.forward()
    _ = try program.read(output)
  }
}

while let line = readLine() {
  switch line {
  case "step": answer("\(try ContinuousClock().measure(step) / .seconds(1))")
  case "profile":
    var seconds: [String: Double] = [:]
    for one in try program.profile() { seconds[one.operation, default: 0] += one.seconds }
    answer(
      seconds.sorted { $0.value > $1.value }.map { "\($0.key) \($0.value)" }.joined(
        separator: "; "))
  case "operations":
    answer(
      try program.profile().map { "\($0.operation)|\($0.layer)|\($0.kernel)|\($0.seconds)" }
        .joined(separator: ";"))
  case "precision": answer(type.rawValue)
  case "peak": answer("\(peakBytes())")
  default: fail("unknown request '\(line)'")
  }
}
