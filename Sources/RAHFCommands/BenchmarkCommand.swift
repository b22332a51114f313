import ArgumentParser
import Glibc
import RewardImage
import RewardModel

/// `rahf benchmark`: times passes one by one, so that a script can take turns with another program.
struct BenchmarkCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark",
        abstract: "For each line 'BATCH OUTPUTS [WORDS [shared]]' on standard input, run one pass and print its time.",
        discussion: """
            The pass scores BATCH images, each the given one with another first pixel; with 'gradient' for OUTPUTS it \
            differentiates plausibility. WORDS repeats or cuts the prompt to that many words. With 'shared' the BATCH \
            items are prompts about one image. Prints {"seconds":…,"scores":[…]} a line.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @Option(help: "The prompt.")
    var prompt: String
    @Argument(help: "PNG, JPEG or WebP.")
    var image: String

    func run() throws {
        let predictor = try modelOptions.load()
        var item = try PredictionItem(encodedImage: try WholeFile.read(image), prompt: prompt, outputs: [])
        let promptWords = prompt.split(separator: " ")
        while let line = readLine() {
            let words = line.split(separator: " ")
            guard (2...4).contains(words.count), let batch = Int(words[0]), (1...64).contains(batch),
                let length = words.count > 2 ? Int(words[2]) : promptWords.count, (1...1000).contains(length),
                !promptWords.isEmpty, words.count < 4 || words[3] == "shared"
            else {
                throw ValidationError("a line is 'BATCH OUTPUTS [WORDS [shared]]', not '\(line)'")
            }
            item.prompt = (0..<length).map { promptWords[$0 % promptWords.count] }.joined(separator: " ")
            let gradient = words[1] == "gradient"
            item.objective = gradient ? Objective(scoreWeights: [.plausibility: 1]) : nil
            item.outputs = gradient ? [] : try ScoreCommand.outputs(String(words[1]))
            let items = (0..<batch).map { number in
                guard words.count == 4 else { return item.numbered(number) }
                var other = item
                other.prompt = (0..<length).map { promptWords[($0 + number) % promptWords.count] }.joined(
                    separator: " ")
                return other
            }
            let started = Self.now()
            let predictions = try predictor.predict(items).map { try $0.get() }
            let seconds = Self.now() - started
            let scores = predictions.first?.scores.map { scores in ScoreKind.allCases.map { JSON.number(scores[$0]) } }
            print(JSON.object([("seconds", .number(Float(seconds))), ("scores", .array(scores ?? []))]).text)
            fflush(nil)
        }
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

extension PredictionItem {
    /// The item with a first pixel of its own, for timing: what is the same is computed once.
    func numbered(_ number: Int) -> PredictionItem {
        guard case .uint8(var samples) = image.samples else { return self }
        samples[0] = UInt8(truncatingIfNeeded: Int(samples[0]) + number)
        samples[1] = UInt8(truncatingIfNeeded: Int(samples[1]) + number / 256)
        var other = self
        other.image = Image(width: image.width, height: image.height, rgb: samples)
        return other
    }
}
