internal import CLibAV
import Foundation
import Synchronization

/// Keeps what libav logs off the standard error stream, and the first error for whoever asks.
///
/// A level of `AV_LOG_ERROR` means, in libav's words, that something "cannot losslessly be
/// recovered": decoders conceal the damage and return a frame as if nothing had happened. The
/// line is then the only sign. Codecs run on one thread here, so errors are kept by thread.
enum LibAVLog {
  /// Installs the callback; libav knows one for the whole process.
  static let install: Void = av_log_set_callback { context, level, format, arguments in
    guard level <= AV_LOG_ERROR, let format, let arguments else { return }
    var line = [CChar](repeating: 0, count: 512)
    var printsPrefix: Int32 = 0
    av_log_format_line(context, level, format, arguments, &line, Int32(line.count), &printsPrefix)
    let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let thread = UInt(pthread_self())
    LibAVLog.errors.withLock { if $0[thread] == nil { $0[thread] = text } }
  }

  /// The first error since the last call on this thread, which is then forgotten.
  static func take() -> String? {
    let thread = UInt(pthread_self())
    return errors.withLock { $0.isEmpty ? nil : $0.removeValue(forKey: thread) }
  }

  private static let errors = Mutex<[UInt: String]>([:])
}
