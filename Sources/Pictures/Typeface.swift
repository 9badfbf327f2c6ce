internal import CCairo

/// DejaVu Sans out of its file: which fonts a machine has, and how its user likes them hinted, would
/// otherwise decide the bytes of a picture.
///
/// Immutable after it was made: cairo counts the references to a face atomically and locks it while it
/// draws glyphs, so threads may share it.
final class Typeface: @unchecked Sendable {
  let face: OpaquePointer

  /// Where Debian's fonts-dejavu-core puts it.
  private static let folder = "/usr/share/fonts/truetype/dejavu/"

  // Faces live as long as the process, as cairo's cache of glyphs may.
  private static let regular = Result { () throws(PictureError) in
    try Typeface("DejaVuSans.ttf")
  }
  private static let bold = Result { () throws(PictureError) in
    try Typeface("DejaVuSans-Bold.ttf")
  }

  /// - Throws: `PictureError` of code `noFont`
  static func of(_ weight: TextStyle.Weight) throws(PictureError) -> Typeface {
    switch weight {
    case .regular: try regular.get()
    case .bold: try bold.get()
    }
  }

  private init(_ name: String) throws(PictureError) {
    let path = Typeface.folder + name
    var library: FT_Library?
    var font: FT_Face?
    guard FT_Init_FreeType(&library) == 0, FT_New_Face(library, path, 0, &font) == 0, let font,
      let face = cairo_ft_font_face_create_for_ft_face(font, 0)
    else {
      throw PictureError(
        .noFont, "the font '\(path)' cannot be read; install Debian's fonts-dejavu-core")
    }
    self.face = face
  }
}
