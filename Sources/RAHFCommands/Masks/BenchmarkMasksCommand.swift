import ArgumentParser
import Glibc
import RewardImage
import RewardModel

/// `rahf benchmark-masks`: times heatmap to mask, a line at a time, so that a script can take turns with another program.
struct BenchmarkMasksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark-masks",
        abstract: "For each number on standard input, make the mask that often and print {\"seconds\":[…]}.",
        shouldDisplay: false)

    @OptionGroup var maskArguments: MaskArguments
    @Option(help: "Where to write the mask.")
    var out: String
    @Argument(help: "A heatmap of the image's size, .npy.")
    var heatmap: String

    func run() throws {
        let options = try maskArguments.options()
        let map = try NPYDecoder.heatmap(try WholeFile.read(heatmap))
        while let line = readLine() {
            guard let count = Int(line), (1...100_000).contains(count) else {
                throw ValidationError("a line is a number of repeats, not '\(line)'")
            }
            var seconds: [JSON] = []
            var mask: Mask?
            for _ in 0..<count {
                let clock = ContinuousClock()
                let time = try clock.measure {
                    mask = try MaskMaker.make(from: map, width: map.width, height: map.height, options: options).mask
                }
                seconds.append(.number(Float(time / .seconds(1))))
            }
            if let mask { try WholeFile.write(PNGEncoder.encode(mask), to: out) }
            print(JSON.object([("seconds", .array(seconds))]).text)
            fflush(nil)
        }
    }
}
