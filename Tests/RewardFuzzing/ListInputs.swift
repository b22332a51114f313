import RewardCuration
import RewardData
import RewardSelection

/// Lists as people and scripts write them.
enum ListInputs {
    static func lines(_ bytes: UnsafeRawBufferPointer) {
        for line in bytes.split(separator: 0x0a) { candidate(Array(line)) }
        ScratchFile.with(bytes) { path in
            if let lines = try? JSONLines<AnnotatedImage>(path: path) { for element in lines { _ = element.result } }
            _ = try? PromptTable(path: path)
        }
    }

    /// The quick scanner must read what it takes as the JSON library does.
    private static func candidate(_ line: [UInt8]) {
        var ignored = IgnoredKeys()
        let read = line.withUnsafeBytes { try? LineReader.read($0, &ignored) }
        var scanner = LineScanner()
        let padded = line + [UInt8](repeating: 0, count: 8)
        let taken = padded.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { scanner.scan($0, line.count, &ignored) } ?? false
        }
        guard taken, let prompt = scanner.fields.prompt, let image = scanner.fields.image else { return }
        // The scanner leaves the judgement of UTF-8 to its caller.
        guard String(validating: line, as: UTF8.self) != nil else { return }
        guard let read else { return require(false, "what the scanner takes, the library takes") }
        require(Array(read.prompt.utf8) == Array(line[prompt]), "they read the same prompt")
        require(Array(read.image.utf8) == Array(line[image]), "they read the same image")
        require(read.group.map { Array($0.utf8) } == scanner.fields.group.map { Array(line[$0]) }, "and the same group")
        for index in 0..<4 {
            let (left, right) = (read.scores[index], scanner.fields.scores[index])
            require(left == right || (left.isNaN && right.isNaN), "they read the same scores")
        }
    }
}
