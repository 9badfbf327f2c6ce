/// What the scans of a data set have in common. Ranges are drawn from once a patient, evenly.
public struct ScanSettings: Hashable, Sendable {
  public var seed: Int
  /// Distinct, in any order; every patient shows each of them.
  public var planes: [Plane] = Plane.allCases
  public var scansPerPatient = 2
  public var framesPerSweep = 32
  public var framesPerSecond = 30
  /// Pixels.
  public var height = 224
  public var width = 288
  /// Scan lines of a frame and samples of a line.
  public var lines = 160
  public var samples = 1024
  /// Scatterers per mm².
  public var density = 9.0
  /// MHz.
  public var frequency = 2.5...5.0
  /// mm that a line reaches.
  public var depth = 80.0...160.0
  /// Size of the fetus; 1 is 20 weeks.
  public var scale = 0.8...1.25
  /// Thickness of the abdominal wall, mm.
  public var wall = 10.0...30.0
  /// dB added before grey values are made.
  public var gain = -6.0...6.0
  /// dB between black and white.
  public var dynamicRange = 50.0...70.0
  /// dB by which tissue behind fluid can be brighter.
  public var enhancement = 8.0
  /// Text, ticks, a grey bar, calipers and a mark of frozen frames.
  public var overlays = true

  public init(seed: Int) { self.seed = seed }

  /// Sweeps of one scan. Where the planes cannot be dealt out evenly some come twice.
  public var sweepsPerScan: Int { (planes.count + scansPerPatient - 1) / scansPerPatient }

  /// Frames of every scan.
  public var framesPerScan: Int { sweepsPerScan * framesPerSweep }
}
