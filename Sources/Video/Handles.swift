internal import CLibAV

/// Owns one `AVFrame` and frees it exactly once.
struct Frame: ~Copyable {
  let pointer: UnsafeMutablePointer<AVFrame>

  init(path: String) throws(VideoError) {
    guard let pointer = av_frame_alloc() else { throw .outOfMemory(path, "av_frame_alloc") }
    self.pointer = pointer
  }

  deinit {
    var pointer: UnsafeMutablePointer<AVFrame>? = pointer
    av_frame_free(&pointer)
  }
}

/// Owns one `AVPacket` and frees it exactly once.
struct Packet: ~Copyable {
  let pointer: UnsafeMutablePointer<AVPacket>

  init(path: String) throws(VideoError) {
    guard let pointer = av_packet_alloc() else { throw .outOfMemory(path, "av_packet_alloc") }
    self.pointer = pointer
  }

  deinit {
    var pointer: UnsafeMutablePointer<AVPacket>? = pointer
    av_packet_free(&pointer)
  }
}

/// Owns the context of an opened decoder or encoder.
struct CodecContext: ~Copyable {
  let pointer: UnsafeMutablePointer<AVCodecContext>

  init(_ codec: UnsafePointer<AVCodec>, path: String) throws(VideoError) {
    guard let pointer = avcodec_alloc_context3(codec) else {
      throw .outOfMemory(path, "avcodec_alloc_context3")
    }
    self.pointer = pointer
  }

  deinit {
    var pointer: UnsafeMutablePointer<AVCodecContext>? = pointer
    avcodec_free_context(&pointer)
  }
}

/// Owns the context of a file opened for reading.
struct Demuxer: ~Copyable {
  let pointer: UnsafeMutablePointer<AVFormatContext>

  /// Opens a file of the local disk, whatever its name looks like, and nothing that it refers to
  /// on a network.
  init(path: String) throws(VideoError) {
    var options: OpaquePointer?
    av_dict_set(&options, "protocol_whitelist", "file", 0)
    defer { av_dict_free(&options) }
    var context: UnsafeMutablePointer<AVFormatContext>?
    _ = LibAVLog.take()
    let status = avformat_open_input(&context, "file:" + path, nil, &options)
    guard status >= 0, let context else {
      throw VideoError(
        code: .notMedia, path: path, message: "is no video that libavformat can read",
        cause: .init("avformat_open_input", status))
    }
    pointer = context
  }

  deinit {
    var pointer: UnsafeMutablePointer<AVFormatContext>? = pointer
    avformat_close_input(&pointer)
  }
}

/// Owns the context of a file opened for writing.
struct Muxer: ~Copyable {
  let pointer: UnsafeMutablePointer<AVFormatContext>

  init(format: String, path: String) throws(VideoError) {
    var context: UnsafeMutablePointer<AVFormatContext>?
    let status = avformat_alloc_output_context2(&context, nil, format, nil)
    guard status >= 0, let context else {
      throw VideoError(
        code: .unwritable, path: path, message: "libavformat writes no '\(format)'",
        cause: .init("avformat_alloc_output_context2", status))
    }
    pointer = context
  }

  deinit {
    avio_closep(&pointer.pointee.pb)
    avformat_free_context(pointer)
  }
}

extension VideoError {
  static func outOfMemory(_ path: String, _ call: String) -> VideoError {
    VideoError(
      code: .outOfMemory, path: path, message: "no memory is left",
      cause: Cause(call, fathom_averror_no_memory))
  }
}
