/// Reads the decoder's text, in which a misaligned word carries the suffix `_0`, back onto the prompt's words.
public enum MisalignedWords {
    /// Flags one per word, true for misaligned.
    ///
    /// Where the decoder repeated the prompt word for word, flags go by position. Otherwise the longest common
    /// subsequence of words places them, words without a partner count as aligned, and a note says so.
    public static func align(decoded: String, words: [PromptWord]) -> (flags: [Bool], notes: [Note]) {
        let pieces = decoded.split(separator: " ").prefix(4 * words.count + 64).map { piece in
            piece.hasSuffix("_0") ? (text: String(piece.dropLast(2)), flag: true) : (text: String(piece), flag: false)
        }
        let texts = words.map(\.text)
        if pieces.count == texts.count, zip(pieces, texts).allSatisfy({ $0.text == $1 }) {
            return (pieces.map(\.flag), [])
        }
        if pieces.count < texts.count, zip(pieces, texts).allSatisfy({ $0.text == $1 }) {
            let missing = [Bool](repeating: false, count: texts.count - pieces.count)
            return (pieces.map(\.flag) + missing, [.wordsCutShort(predicted: pieces.count, of: texts.count)])
        }
        return (flagsByCommonSubsequence(pieces, texts), [.wordsRealigned])
    }

    private static func flagsByCommonSubsequence(_ pieces: [(text: String, flag: Bool)], _ texts: [String]) -> [Bool] {
        let (rows, columns) = (pieces.count, texts.count)
        // lengths[i][j]: longest common subsequence of pieces[i...] and texts[j...].
        var lengths = [[Int]](repeating: [Int](repeating: 0, count: columns + 1), count: rows + 1)
        for i in (0..<rows).reversed() {
            for j in (0..<columns).reversed() {
                lengths[i][j] =
                    pieces[i].text == texts[j]
                    ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var flags = [Bool](repeating: false, count: columns)
        var (i, j) = (0, 0)
        while i < rows, j < columns {
            if pieces[i].text == texts[j] {
                flags[j] = pieces[i].flag
                (i, j) = (i + 1, j + 1)
            } else if lengths[i + 1][j] >= lengths[i][j + 1] {
                i += 1
            } else {
                j += 1
            }
        }
        return flags
    }
}
