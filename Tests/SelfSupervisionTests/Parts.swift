import Learning
import SelfSupervision
import StageKit
import Testing

/// The declaration of a stage's option that holds a method.
func methodDeclaration() throws -> OptionDeclaration {
  var reader = OptionReader.recorder
  let _: Method = try reader.record("task", presets: Method.presets, help: "")
  return try #require(reader.declarations.first)
}

/// Every preset, and those of its options that give it other parts.
let shortNames: [Value] =
  Method.presets.all.map { ["pretext": .string($0.name)] } + [
    ["pretext": "flip", "axes": "vertical"],
    ["pretext": "pace", "contrastive": "same_context"],
    ["pretext": "pace", "contrastive": "same_pace"],
    ["pretext": "sequence_sorting", "head": "pairwise"],
  ]

/// A part by its name, or a map of its name and options.
func transform(_ part: Value) throws -> any Transform {
  var reader = OptionReader(["transform": part])
  return try reader.part("transform", among: allTransforms, help: "")
}

/// The same numbers in every test.
func random(_ purpose: String = "test") -> CounterRandom {
  CounterRandom(seed: 1, kind: "pretext", item: "a", purpose: purpose)
}

/// Clips whose frames all differ, with places in steps of 1/64, which sums keep exactly.
func sample(
  pieces: Int = 1, frames: Int = 4, stride: Int = 1, from start: Int = 10,
  segment: Range<Int> = 0..<100
) -> Sample {
  Sample(
    scan: 0, segment: segment,
    clips: (0..<pieces).map { piece in
      ClipPlan(
        frames: (0..<frames).map { place in
          let frame = piece * frames + place
          var tone = Tone()
          tone.brightness = Double(frame) / 64
          return FramePlan(
            index: start + frame * stride,
            geometry: Affine(
              yy: 1.25, yx: 0.125, y0: 3 + Double(frame) / 64, xy: -0.25, xx: 0.75,
              x0: 7 - Double(frame) / 64),
            tone: tone)
        })
    })
}

extension Transform {
  func applied(
    _ answer: Answer, to sample: Sample, size: [Int] = [8, 8], purpose: String = "test"
  ) throws -> Sample {
    var sample = sample
    var random = random(purpose)
    try apply(answer, to: &sample, size: size, using: &random)
    return sample
  }

  var classes: [String] {
    guard case .classes(let names) = target else { return [] }
    return names
  }
}

extension Sample {
  var indices: [[Int]] { clips.map { $0.frames.map(\.index) } }
}

/// Which frames' places the pixels of a rendered square come from, by the first frame's geometry.
func pixels(_ transform: any Transform, _ answer: Answer, _ image: [[Int]]) throws -> [[Int]] {
  let size = [image.count, image[0].count]
  let plain = Sample(
    scan: 0, segment: 0..<1, clips: [ClipPlan(frames: [FramePlan(index: 0)])])
  let geometry = try transform.applied(answer, to: plain, size: size).clips[0].frames[0].geometry
  return (0..<size[0]).map { y in
    (0..<size[1]).map { x in
      let place = geometry(y: Double(y), x: Double(x))
      return image[Int(place.y)][Int(place.x)]
    }
  }
}
