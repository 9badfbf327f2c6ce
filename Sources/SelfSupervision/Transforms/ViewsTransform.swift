public import StageKit

/// Nothing is done: clips of one draw, each varied by itself, are to be told from those of others.
public struct ViewsTransform: Transform {
  public static let name = "views"
  public static let summary = "Nothing is done: which clips belong together?"

  public init(options: inout OptionReader) throws(Diagnostic) {}

  public static var presets: [Preset] {
    [
      Preset(
        name: "simclr", summary: "Which two clips are one? Chen et al. (2020)",
        options: Contrastive.options.filter { $0.name == "temperature" },
        value: [
          "sampler": ["copies": 2], "augment": apart,
          "objectives": [
            [
              "transform": part, "head": "projection",
              "loss": ["name": "contrastive", "temperature": "${temperature}"],
            ]
          ],
        ]),
      Preset(
        name: "vicreg", summary: "What do two views share? Bardes et al. (2022)",
        options: VICReg.options,
        value: [
          "sampler": ["copies": 2], "augment": apart,
          "objectives": [
            [
              "transform": part,
              "head": [
                "name": "projection", "hidden": [512, 512], "output": 512, "batch_norm": true,
              ],
              "loss": VICReg.part,
            ]
          ],
        ]),
    ]
  }

  /// Views that differ more than clips of other methods do, each by itself; sizes are our choice.
  private static let apart: Value = [
    "shared": false, "scale": [0.4, 1], "gamma": 0.5, "contrast": 0.5, "brightness": 0.25,
    "blur": 1,
  ]

  public var target: Target { .identity }

  public func apply(
    _ answer: Answer, to sample: inout Sample, size: [Int], using random: inout CounterRandom
  ) throws {}
}
