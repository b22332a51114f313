/// Picks weights by name: `*` stands for any run of characters, and a name that starts with the pattern counts too.
///
/// `vit.` and `vit.*` are all of the ViT; `*.bias` is every bias.
public struct NamePattern: Sendable, Hashable {
    private let parts: [[UInt8]]

    public init(_ text: String) {
        parts = text.utf8.split(separator: 0x2a, omittingEmptySubsequences: false).map(Array.init)
    }

    public func matches(_ name: String) -> Bool {
        var rest = Array(name.utf8)[...]
        guard rest.starts(with: parts[0]) else { return false }
        rest = rest.dropFirst(parts[0].count)
        if parts.count == 1 { return true }
        for part in parts.dropFirst().dropLast() {
            guard let found = Self.find(part, in: rest) else { return false }
            rest = rest[(found + part.count)...]
        }
        let last = parts[parts.count - 1]
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    private static func find(_ part: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
        guard text.count >= part.count else { return nil }
        return (text.startIndex...(text.endIndex - part.count)).first { text[$0...].starts(with: part) }
    }
}
