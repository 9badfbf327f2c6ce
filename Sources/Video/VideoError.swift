internal import CLibAV

/// Why a video cannot be read or written.
public struct VideoError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Code: String, Hashable, Sendable {
    /// The system refused to open it: no such file, no permission, a folder.
    case unreadable
    case empty
    /// No container format that libavformat knows.
    case notMedia
    /// A container without a video stream.
    case noVideo
    /// A video stream out of which no frame came.
    case noFrames
    /// No decoder for the stream's codec.
    case noDecoder
    /// Data that the decoder or demuxer could not make whole sense of.
    case corrupt
    /// The file ends before the frames that it announces.
    case truncated
    /// A crop outside the picture, or a pixel format that cannot be cropped.
    case badCrop
    /// A size, frame rate or codec that cannot be written.
    case badSettings
    /// The system or the encoder refused to write.
    case unwritable
    case outOfMemory
  }

  /// A libav function that failed.
  public struct Cause: Hashable, Sendable {
    public var call: String
    /// The AVERROR, always negative.
    public var status: Int32
    /// What libav says of the status, and the last error that it logged before.
    public var message: String
  }

  public var code: Code
  public var path: String
  /// The frame at which it happened, from 0; `nil` where no frame was at work.
  public var frame: Int?
  /// What is wrong and what was expected.
  public var message: String
  public var cause: Cause?

  public var description: String {
    let place = frame.map { "frame \($0): " } ?? ""
    let reason = cause.map { " (\($0.call): \($0.message))" } ?? ""
    return "'\(path)': \(place)\(message)\(reason)"
  }
}

extension VideoError.Cause {
  /// The failure of `call`, with what libav logged on this thread just before.
  init(_ call: String, _ status: Int32) {
    self.call = call
    self.status = status
    var text = [CChar](repeating: 0, count: Int(AV_ERROR_MAX_STRING_SIZE))
    av_strerror(status, &text, text.count)
    message = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    if let logged = LibAVLog.take() { message += "; \(logged)" }
  }
}
