import ArgumentParser
import FoundationEssentials
import Glibc
import RewardModel

/// One image to make a mask for.
struct MaskInput {
    var image: String
    /// Nil when nothing needs it: heatmaps made earlier, and no rerank.
    var prompt: String?

    /// The name of what is written for it.
    var stem: String { RAHFCommands.stem(image) }
}

/// The images named on the command line, in a list, or in a folder.
struct MaskInputArguments: ParsableArguments {
    @Option(help: "JSON lines with \"image\" and, unless --prompt is given or no model is asked, \"prompt\".")
    var list: String?
    @Option(name: .customLong("images"), help: "Take every PNG, JPEG and WebP file of a folder.")
    var folder: String?
    @Option(help: "The prompt of images that bring none.")
    var prompt: String?
    @Argument(help: "Images: PNG, JPEG or WebP.")
    var images: [String] = []

    /// Every input, checked before any work: prompts where they are needed, no two with one stem.
    func inputs(needPrompt: Bool) throws -> [MaskInput] {
        let sources = [list != nil, folder != nil, !images.isEmpty].filter(\.self).count
        guard sources == 1 else {
            throw ValidationError(
                sources == 0
                    ? "no image named: give images, --list FILE.jsonl or --images DIR"
                    : "give images, --list or --images, not several of them")
        }
        var inputs: [MaskInput]
        if let list {
            inputs = try Self.parse(try WholeFile.read(list), name: list)
        } else if let folder {
            inputs = try Self.pictures(in: folder).map { MaskInput(image: $0) }
        } else {
            inputs = images.map { MaskInput(image: $0) }
        }
        guard !inputs.isEmpty else { throw ValidationError("\(list ?? folder ?? "") has no image") }
        for index in inputs.indices { inputs[index].prompt = inputs[index].prompt ?? prompt }
        if needPrompt, let bare = inputs.first(where: { $0.prompt == nil }) {
            throw ValidationError("\(bare.image) has no prompt: give --prompt, or \"prompt\" in the list")
        }
        var byStem: [String: String] = [:]
        for input in inputs {
            if let other = byStem.updateValue(input.image, forKey: input.stem) {
                throw ValidationError(
                    "\(other) and \(input.image) would both be written as \(input.stem).png: rename one, or run them apart"
                )
            }
        }
        return inputs
    }

    private struct Line: Decodable {
        var image: String
        var prompt: String?
    }

    private static func parse(_ bytes: [UInt8], name: String) throws -> [MaskInput] {
        try parseLines(bytes, name: name, Line.self, "with a string \"image\" and perhaps a string \"prompt\"").map {
            MaskInput(image: $0.image, prompt: $0.prompt)
        }
    }

    private static func pictures(in folder: String) throws -> [String] {
        try Folders.names(folder).filter { name in
            [".png", ".jpg", ".jpeg", ".webp"].contains { name.lowercased().hasSuffix($0) } && !name.hasPrefix(".")
        }.map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
    }
}

/// Decodes JSON lines; blank ones are skipped.
func parseLines<Line: Decodable>(_ bytes: [UInt8], name: String, _ type: Line.Type, _ shape: String) throws -> [Line] {
    var lines: [Line] = []
    for (index, line) in bytes.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x0d || $0 == 0x09 }) { continue }
        do { lines.append(try JSONDecoder().decode(Line.self, from: Data(line))) } catch {
            throw ValidationError("\(name), line \(index + 1): not a JSON object \(shape)")
        }
    }
    return lines
}
