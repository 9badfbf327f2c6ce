public import StageKit

/// Finds where a digest stands among many, in a tenth of the memory of a dictionary: an
/// open-addressing table that keeps the places alone, since digests are random bits already.
struct DigestIndex: Sendable {
  private var slots: [UInt32]
  private static let empty = UInt32.max

  /// - Parameter digest: the digest at a place below `count`; of equal ones the first counts.
  init(count: Int, _ digest: (Int) -> Digest) {
    precondition(count < DigestIndex.empty, "places are 32 bits")
    var capacity = 16
    while capacity < count * 2 { capacity *= 2 }
    slots = Array(repeating: DigestIndex.empty, count: capacity)
    for place in 0..<count {
      let own = digest(place)
      let slot = slot(of: own, digest)
      if slots[slot] == DigestIndex.empty { slots[slot] = UInt32(place) }
    }
  }

  /// - Parameter digest: as it was when the index was made.
  func place(of wanted: Digest, _ digest: (Int) -> Digest) -> Int? {
    let place = slots[slot(of: wanted, digest)]
    return place == DigestIndex.empty ? nil : Int(place)
  }

  /// The slot that holds the digest, or the free one where it belongs.
  private func slot(of wanted: Digest, _ digest: (Int) -> Digest) -> Int {
    var slot = Int(truncatingIfNeeded: wanted.firstWord) & (slots.count - 1)
    while slots[slot] != DigestIndex.empty, digest(Int(slots[slot])) != wanted {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }
}

/// Where the user's files lie that are known by digest: what imported artifacts, which are not
/// copied, refer to.
public struct FilePlaces: Sendable {
  private var listings: [SourceFiles.Listing]
  private let indices: [DigestIndex]

  init(_ listings: [SourceFiles.Listing]) {
    self.listings = listings
    indices = listings.map { listing in
      DigestIndex(count: listing.digests.count) { listing.digests[$0].digest }
    }
  }

  /// Bytes of the file.
  func size(of digest: Digest) -> Int? {
    find(digest).map { $0.digests[$1].size }
  }

  /// The file's absolute path.
  public subscript(digest: Digest) -> String? {
    find(digest).map { $0.absolute($1) }
  }

  private func find(_ digest: Digest) -> (SourceFiles.Listing, Int)? {
    for (listing, index) in zip(listings, indices) {
      if let place = index.place(of: digest, { listing.digests[$0].digest }) {
        return (listing, place)
      }
    }
    return nil
  }
}
