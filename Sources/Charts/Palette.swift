/// Colours that the colour-blind tell apart, also in grey.
///
/// Source: Okabe & Ito (2008), "Color Universal Design".
public enum Palette: String, Hashable, Sendable, CaseIterable {
  case blue, vermillion, green, purple, orange, sky, yellow, grey

  /// `#rrggbb`
  public var hex: String {
    switch self {
    case .blue: "#0072B2"
    case .vermillion: "#D55E00"
    case .green: "#009E73"
    case .purple: "#CC79A7"
    case .orange: "#E69F00"
    case .sky: "#56B4E9"
    case .yellow: "#F0E442"
    case .grey: "#999999"
    }
  }
}
