/// Reads the decoder's text, in which a misaligned word carries the suffix `_0`, back onto the prompt's words.
///
/// The vocabulary respells what it reads (NFKC: ligatures, full-width letters, tabs) and drops what it cannot write, so
/// the decoder never repeats some words as the caller typed them. Both sides are therefore compared as the tokenizer
/// would write them, with and without the suffix: a prompt's own `cat_0` is aligned, its `cat_0_0` misaligned.
public enum MisalignedWords {
    /// What a misaligned word ends in.
    public static let suffix = "_0"

    /// The text the decoder is trained to write: the words joined by one space, misaligned ones with the suffix.
    public static func text(words: [PromptWord], flags: [Bool]) -> String {
        zip(words, flags).map { $1 ? $0.text + suffix : $0.text }.joined(separator: " ")
    }

    /// Flags one per word, true for misaligned.
    ///
    /// Where the decoder repeated the prompt word for word, flags go by position. Otherwise the longest common
    /// subsequence of words places them, words without a partner count as aligned, and a note says so. Two words in a
    /// row that the vocabulary cannot write at all look the same with either one flagged: the later one is.
    public static func align(
        decoded: String, words: [PromptWord], tokenizer: Tokenizer
    ) -> (flags: [Bool], notes: [Note]) {
        let spellings = words.map { Spelling($0.text, tokenizer) }
        let pieces = Array(Spelling.pieces(decoded, tokenizer).prefix(4 * words.count + 64))
        let reading = PositionalReading(pieces, spellings)
        if reading.wordCount == words.count { return (reading.flags, []) }
        if reading.isCutShort {
            let missing = [Bool](repeating: false, count: words.count - reading.wordCount)
            return (reading.flags + missing, [.wordsCutShort(predicted: reading.wordCount, of: words.count)])
        }
        return (flagsByCommonSubsequence(pieces, spellings), [.wordsRealigned])
    }

    private static func flagsByCommonSubsequence(_ pieces: [[UInt8]], _ spellings: [Spelling]) -> [Bool] {
        let slots = spellings.enumerated().flatMap { index, spelling in spelling.slots(word: index) }
        let (rows, columns) = (pieces.count, slots.count)
        // lengths[i][j]: longest common subsequence of pieces[i...] and slots[j...].
        var lengths = [[Int]](repeating: [Int](repeating: 0, count: columns + 1), count: rows + 1)
        for i in (0..<rows).reversed() {
            for j in (0..<columns).reversed() {
                lengths[i][j] =
                    slots[j].matches(pieces[i])
                    ? lengths[i + 1][j + 1] + 1 : max(lengths[i + 1][j], lengths[i][j + 1])
            }
        }
        var flags = [Bool](repeating: false, count: spellings.count)
        var (i, j) = (0, 0)
        while i < rows, j < columns {
            if slots[j].matches(pieces[i]) {
                if slots[j].plain != pieces[i] { flags[slots[j].word] = true }
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

/// How the tokenizer writes a word, without and with the suffix: UTF-8 pieces between spaces. Mostly one piece; a tab
/// inside a word makes it two, a word of unknown characters alone has none.
private struct Spelling {
    let plain: [[UInt8]]
    let flagged: [[UInt8]]

    init(_ word: String, _ tokenizer: Tokenizer) {
        plain = Self.pieces(word, tokenizer)
        flagged = Self.pieces(word + MisalignedWords.suffix, tokenizer)
    }

    /// Bytes, so that a combining mark after a space or a suffix hides neither.
    static func pieces(_ text: String, _ tokenizer: Tokenizer) -> [[UInt8]] {
        var text = text
        // A character dropped as unknown can bring together two that are then respelled as one.
        for _ in 0..<4 {
            let respelled = tokenizer.decode(tokenizer.encode(text))
            let same = respelled.utf8.elementsEqual(text.utf8)
            text = respelled
            if same { break }
        }
        return text.utf8.split(separator: 0x20).map(Array.init)
    }

    /// What may stand for the word in the decoder's text, piece by piece.
    struct Slot {
        let word: Int
        /// Nil where only the suffix stands alone.
        let plain: [UInt8]?
        /// Nil where the suffix does not show.
        let flagged: [UInt8]?

        func matches(_ piece: [UInt8]) -> Bool { piece == plain || piece == flagged }
    }

    func slots(word: Int) -> [Slot] {
        (0..<max(plain.count, flagged.count)).map { index in
            let (without, with) = (piece(plain, index), piece(flagged, index))
            return Slot(word: word, plain: without, flagged: with == without ? nil : with)
        }
    }

    private func piece(_ pieces: [[UInt8]], _ index: Int) -> [UInt8]? { index < pieces.count ? pieces[index] : nil }
}

/// The decoder's pieces read word by word from the first on, as long as they are the prompt's.
private struct PositionalReading {
    /// One per word read.
    private(set) var flags: [Bool] = []
    /// True when the pieces end between two words or inside one.
    private(set) var isCutShort = false

    var wordCount: Int { flags.count }

    private typealias Origin = (from: Int, flag: Bool)

    init(_ pieces: [[UInt8]], _ spellings: [Spelling]) {
        // Positions in the pieces where the words so far can end, and how each was come by. Mostly there is one;
        // words that write nothing can leave two.
        var ends: [[Int: Origin]] = [[0: (0, false)]]
        for spelling in spellings {
            var next: [Int: Origin] = [:]
            for from in ends[ends.count - 1].keys.sorted() {
                for (flag, written) in [(false, spelling.plain), (true, spelling.flagged)]
                where pieces[from...].starts(with: written) && next[from + written.count] == nil {
                    next[from + written.count] = (from, flag)
                }
            }
            if next.isEmpty { break }
            ends.append(next)
        }
        let reached = ends.count - 1
        if let count = ends.lastIndex(where: { $0[pieces.count] != nil }) {
            flags = Self.flags(ends, upTo: count, at: pieces.count)
            isCutShort = count < spellings.count
        } else if reached < spellings.count,
            let start = ends[reached].keys.sorted().first(where: { spellings[reached].begins(with: pieces[$0...]) })
        {
            flags = Self.flags(ends, upTo: reached, at: start)
            isCutShort = true
        }
    }

    private static func flags(_ ends: [[Int: Origin]], upTo count: Int, at end: Int) -> [Bool] {
        var position = end
        var backwards: [Bool] = []
        for level in (1..<count + 1).reversed() {
            guard let origin = ends[level][position] else { preconditionFailure("a word without an origin") }
            backwards.append(origin.flag)
            position = origin.from
        }
        return backwards.reversed()
    }
}

extension Spelling {
    /// True when the pieces are the word's beginning: the decoder stopped inside it.
    fileprivate func begins(with pieces: ArraySlice<[UInt8]>) -> Bool {
        let cut = pieces.joined(separator: [0x20])
        return [plain, flagged].contains { $0.joined(separator: [0x20]).starts(with: cut) }
    }
}
