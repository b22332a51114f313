/// A command with places for an image, a mask, a prompt, a seed and the file to write.
///
/// The text is split into words first and the places are filled afterwards, each within its word: no shell ever reads
/// a prompt or a file name, whatever they contain.
package struct CommandTemplate: Sendable, Equatable {
    package let words: [String]

    /// What is filled in.
    package struct Values: Sendable {
        package var image: String
        package var mask: String
        package var prompt: String
        package var seed: Int
        package var out: String

        package init(image: String, mask: String, prompt: String, seed: Int, out: String) {
            self.image = image
            self.mask = mask
            self.prompt = prompt
            self.seed = seed
            self.out = out
        }
    }

    /// Why a text is no template.
    package enum Problem: Error, Equatable, CustomStringConvertible {
        case empty
        case openQuote(Character)
        case trailingBackslash
        case missing(String)
        /// The program itself may not come from a place.
        case placeInProgram(String)

        package var description: String {
            switch self {
            case .empty: "the command is empty"
            case .openQuote(let quote): "the command has a \(quote) that is not closed"
            case .trailingBackslash: "the command ends in a backslash"
            case .missing(let place): "the command has no \(place)"
            case .placeInProgram(let word): "the program's name '\(word)' holds a place to fill in"
            }
        }
    }

    private static let places = ["{image}", "{mask}", "{prompt}", "{seed}", "{out}"]

    /// Splits as a POSIX shell splits: spaces, '…', "…" and backslashes. Nothing is expanded.
    package init(_ text: String) throws(Problem) {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var characters = text[...]
        while let character = characters.popFirst() {
            switch (character, quote) {
            case ("'", nil), ("\"", nil):
                quote = character
                word = word ?? ""
            case ("'", "'"), ("\"", "\""): quote = nil
            case ("\\", nil):
                guard let next = characters.popFirst() else { throw .trailingBackslash }
                word = (word ?? "") + String(next)
            case ("\\", "\""):
                // Within double quotes only these lose their meaning.
                if let next = characters.first, next == "\"" || next == "\\" {
                    characters = characters.dropFirst()
                    word = (word ?? "") + String(next)
                } else {
                    word = (word ?? "") + "\\"
                }
            case (_, nil) where character.isWhitespace:
                if let whole = word { words.append(whole) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        if let quote { throw .openQuote(quote) }
        if let word { words.append(word) }
        guard let program = words.first, !program.isEmpty else { throw .empty }
        if Self.places.contains(where: program.contains) { throw .placeInProgram(program) }
        for place in ["{image}", "{mask}", "{out}"] where !words.contains(where: { $0.contains(place) }) {
            throw .missing(place)
        }
        self.words = words
    }

    /// True when candidates can differ.
    package var usesSeed: Bool { words.contains { $0.contains("{seed}") } }

    /// The program and its arguments, or nil when a value holds a NUL, which no argument can carry.
    package func filled(_ values: Values) -> [String]? {
        let texts = [values.image, values.mask, values.prompt, String(values.seed), values.out]
        if texts.contains(where: { $0.unicodeScalars.contains("\0") }) { return nil }
        return words.map { word in
            // One pass from left to right: a value that looks like a place stays as it is.
            var result = ""
            var rest = word[...]
            while let brace = rest.firstIndex(of: "{") {
                result += rest[..<brace]
                rest = rest[brace...]
                if let index = Self.places.firstIndex(where: { rest.hasPrefix($0) }) {
                    result += texts[index]
                    rest = rest.dropFirst(Self.places[index].count)
                } else {
                    result.append("{")
                    rest = rest.dropFirst()
                }
            }
            return result + rest
        }
    }
}
