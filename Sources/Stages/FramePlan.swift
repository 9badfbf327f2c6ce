internal import Analysis
internal import Video

/// What a first pass over a video says of its second one: where the fan is, what is drawn over it,
/// and so how frames are cropped, scaled and cleaned.
struct FramePlan {
  enum Fan: String, CaseIterable {
    case keep
    /// What lies outside the fan becomes black.
    case mask
    /// The same, and frames show only the rectangle around the fan.
    case crop
  }

  enum Overlays: String, CaseIterable {
    case keep
    case remove
  }

  /// Of the frames: with the crop that `fan: crop` found.
  private(set) var format: GreyFormat
  private(set) var cleaner = FrameCleaner(fan: nil, masks: false, drawn: nil)
  /// [top, left, side] of the largest square inside the fan, in pixels of the frames.
  private(set) var square: [Int]?
  /// The fan's part of the frames' pixels; `nil` where none was looked for or found.
  private(set) var fanShare: Double?
  /// How many pixels of the frames are drawn over.
  private(set) var drawnPixels: Int?
  /// Pixels of a frame that can change.
  private(set) var livePixels: Int
  private(set) var notes: [String] = []

  /// Frames as they are.
  init(_ format: GreyFormat) {
    self.format = format
    livePixels = format.height * format.width
  }

  /// Looks through the frames that are to be kept.
  ///
  /// - Throws: `VideoError`
  init(
    _ format: GreyFormat, fan mode: Fan, overlays: Overlays, selection: FrameSelection,
    reader: VideoReader
  ) throws {
    self.init(format)
    let whole = Crop(top: 0, left: 0, height: reader.info.height, width: reader.info.width)
    let picture = format.crop ?? whole
    guard let maps = try FramePlan.maps(of: picture, selection: selection, reader: reader) else {
      return
    }
    if !maps.hasMotion {
      notes.append(
        "does not move: its fan is taken to be what is bright"
          + (overlays == .remove ? ", and overlays cannot be told from tissue: they stay" : ""))
    }
    guard let region = Analysis.fan(of: maps) else {
      notes.append("shows nothing: it has no fan")
      return
    }
    var box = PixelBox(top: 0, left: 0, height: picture.height, width: picture.width)
    if mode == .crop {
      box = region.box.extended(
        toShapeOf: [format.height, format.width], within: [picture.height, picture.width])
      self.format.crop = Crop(
        top: picture.top + box.top, left: picture.left + box.left, height: box.height,
        width: box.width)
    }
    let fan = region.map(height: format.height, width: format.width, showing: box)
    var drawn: BinaryMap?
    if overlays == .remove {
      let inSource = region.map(
        height: picture.height, width: picture.width,
        showing: PixelBox(top: 0, left: 0, height: picture.height, width: picture.width))
      drawn = Analysis.overlays(in: maps, fan: inSource)?
        .shown(height: format.height, width: format.width, in: box)
    }
    cleaner = FrameCleaner(fan: fan, masks: mode != .keep, drawn: drawn)
    square = largestSquare(in: fan)
    fanShare = Double(fan.count) / Double(livePixels)
    drawnPixels = drawn?.count
    if mode != .keep { livePixels = fan.count }
  }

  private static func maps(
    of picture: Crop, selection: FrameSelection, reader: VideoReader
  ) throws -> TemporalMaps? {
    let peaks = ColourPeaks(picture)
    var sample = TemporalSample(height: picture.height, width: picture.width)
    var kept = 0
    while kept < selection.maximumFrames, try reader.next() {
      let copies = selection.copies(of: reader, kept: kept)
      guard copies > 0 else { continue }
      kept += copies
      try sample.offer { () throws(VideoError) in try reader.levels(peaks) }
    }
    return sample.maps()
  }
}
