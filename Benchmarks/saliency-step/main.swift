// One training step or one prediction of Saliency-VAM, timed: the part of the saliency benchmark that
// is ours.
//
//   saliency-step train|infer float32|bfloat16 BATCH HEIGHT WIDTH NETWORK_WIDTH GROUPS THREADS
//
// Answers each line of standard input with one of output: `step` with the seconds of one step, `cpu`
// with its processor seconds, `operations` with the seconds of each operation by layer and kernel,
// `peak` with the peak memory in bytes.
import Foundation
import Learning

func fail(_ message: String) -> Never {
  FileHandle.standardError.write(Data("saliency-step: \(message)\n".utf8))
  exit(2)
}

func answer(_ line: String) { FileHandle.standardOutput.write(Data("\(line)\n".utf8)) }

func processorSeconds() -> Double {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) * 1e-6
}

func peakBytes() -> Int {
  let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
  for line in status.split(separator: "\n") where line.hasPrefix("VmHWM:") {
    return (Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) ?? 0) << 10
  }
  return 0
}

let arguments = CommandLine.arguments
guard arguments.count == 9, ["train", "infer"].contains(arguments[1]),
  let precision = Precision(rawValue: arguments[2]), let batch = Int(arguments[3]),
  let height = Int(arguments[4]), let width = Int(arguments[5]),
  let networkWidth = Double(arguments[6]), let groups = Int(arguments[7]),
  let threads = Int(arguments[8])
else {
  fail("usage: train|infer float32|bfloat16 BATCH HEIGHT WIDTH NETWORK_WIDTH GROUPS THREADS")
}

let backend = try OneDNNBackend(threads: threads)
let type = try precision.resolved(on: backend)
let network = try SaliencyVAM(
  width: networkWidth, groups: groups, initializer: Initializer(seed: 0))
var random = SystemRandomNumberGenerator()
let values = (0..<batch * height * width).map { _ in Float.random(in: 0..<1, using: &random) }

let program: Program
let step: () throws -> Void
if arguments[1] == "train" {
  let training = try Training(
    backbone: network.backbone, heads: [network.head], shape: [batch, 1, height, width],
    type: type, on: backend)
  program = training.program
  let descent = try GradientDescent(
    network.parameters, .init(momentum: 0.9, decay: 1e-4), on: backend)
  let cells = SaliencyVAM.grid(ofFrames: [height, width]).reduce(1, *)
  let targets = [Float](repeating: 1 / Float(cells), count: batch * cells)
  var count = 0
  step = {
    _ = try training.compute(values, step: count) {
      [try mapDivergence($0[0], targets: targets, cells: cells)]
    }
    try descent.step(rate: 0.01)
    count += 1
  }
} else {
  program = Program(on: backend, mode: .inference, type: type)
  let frames = try program.input([batch, 1, height, width])
  let output = try program.output(network.forward(frames, in: program).0)
  try program.finish()
  step = {
    try program.write(values, to: frames)
    try program.forward()
    _ = try program.read(output)
  }
}

while let line = readLine() {
  switch line {
  case "step": answer("\(try ContinuousClock().measure(step) / .seconds(1))")
  case "cpu":
    let before = processorSeconds()
    try step()
    answer("\(processorSeconds() - before)")
  case "operations":
    answer(
      try program.profile().map { "\($0.operation)|\($0.layer)|\($0.kernel)|\($0.seconds)" }
        .joined(separator: ";"))
  case "peak": answer("\(peakBytes())")
  default: fail("unknown request '\(line)'")
  }
}
