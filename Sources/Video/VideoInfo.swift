/// What a video file says of its first video stream before a frame is decoded.
public struct VideoInfo: Hashable, Sendable {
  /// libavformat's name of the container, such as `mov,mp4,m4a,3gp,3g2,mj2`.
  public var container: String
  /// libavcodec's name of the codec, such as `h264`.
  public var codec: String
  public var pixelFormat: String
  /// Pixels as stored: neither the pixel aspect ratio nor a display rotation is applied.
  public var height: Int
  public var width: Int
  /// Average frames per second; `nil` where the container does not say.
  public var framesPerSecond: Double?
  public var durationSeconds: Double?
  /// How many frames the container announces; `nil` where it does not say.
  public var announcedFrames: Int?
  /// How high and wide a pixel is, [y, x]; `nil` where the file does not say.
  public var millimetresPerPixel: [Double]?
}

/// The part of a frame to look at, in pixels of the source.
public struct Crop: Hashable, Sendable {
  public var top: Int
  public var left: Int
  public var height: Int
  public var width: Int

  public init(top: Int, left: Int, height: Int, width: Int) {
    self.top = top
    self.left = left
    self.height = height
    self.width = width
  }
}

/// How frames become grey pictures of one size.
public struct GreyFormat: Hashable, Sendable {
  /// libswscale's filters.
  public enum Scaler: String, Hashable, Sendable, CaseIterable {
    case bicubic
    case area
  }

  public var height: Int
  public var width: Int
  public var scaler: Scaler
  /// `nil`: the whole frame.
  public var crop: Crop?

  public init(height: Int, width: Int, scaler: Scaler = .bicubic, crop: Crop? = nil) {
    precondition(height > 0 && width > 0, "a picture without pixels")
    self.height = height
    self.width = width
    self.scaler = scaler
    self.crop = crop
  }
}
