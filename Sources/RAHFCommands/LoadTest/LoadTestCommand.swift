import ArgumentParser
import Glibc
import RewardImage
import RewardModel
import RewardServer

/// `rahf load-test`: many clients at once, each asking again as soon as it is answered, or requests at a rate.
struct LoadTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-test", abstract: "Measure a server: images a second, waiting times and refusals under load.",
        discussion: """
            Without --rate each client asks again as soon as it is answered: the most that the server does. With --rate \
            requests arrive at random (Poisson) moments that do not depend on the answers, and a waiting time counts from \
            the moment its request was due, also when no client was free to send it: a server that stalls cannot hide it. \
            Refusals are counted and not tried again, unless --retry is given. The exit code is 0 only if no image failed.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case json, table
    }

    @Option(help: "tcp://HOST:PORT or ipc://PATH.")
    var server: String
    @OptionGroup var securityOptions: ClientSecurityOptions
    @Option(help: "Connections, each on a thread of its own.")
    var clients = 16
    @Option(help: "Requests a second, of all clients together. Without it each client asks as soon as it is answered.")
    var rate: Double?
    @Option(help: "Of the moments at which --rate lets requests arrive.")
    var seed: UInt64 = 1
    @Option(help: "Seconds to send for, after one answer for each client; what is then under way is waited for.")
    var seconds = 10
    @Option(help: "Images of one request.")
    var images = 1
    @Option(help: "Comma-separated sizes, as 512x512,1024x768; requests take turns. The default is the image's own.")
    var sizes: String?
    @Option(help: "Comma-separated: scores, heatmaps, words.")
    var outputs = "scores"
    @Option(help: "Seconds one request may take, queue included.")
    var timeout = 60
    @Flag(help: "Wait refusals out and ask again, as a trainer does; waiting times then include that.")
    var retry = false
    @Option(help: "json: one object; table: for people.")
    var format = Format.json
    @Option(help: "The prompt.")
    var prompt = "a photograph of a cat on a mat"
    @Argument(help: "PNG, JPEG or WebP. The default is a pattern of 512x512.")
    var image: String?

    func validate() throws {
        guard (1...1024).contains(clients), (1...86_400).contains(seconds), (1...256).contains(images),
            (1...3600).contains(timeout), rate.map({ $0 > 0 && $0 <= 100_000 }) ?? true
        else {
            throw ValidationError(
                "--clients takes 1 to 1024, --seconds 1 to 86400, --images 1 to 256, --timeout 1 to 3600, --rate up to 100000"
            )
        }
        _ = try LoadImages.sizes(sizes)
    }

    func run() throws {
        let pictures = try LoadImages.make(file: image, sizes: LoadImages.sizes(sizes))
        let wanted = try ScoreCommand.outputs(outputs)
        // Images of their own: the same one would be encoded once for a batch.
        let everyone = (0..<clients).map { client in
            pictures.map { picture in
                (0..<images).map { index in
                    PredictionItem(image: picture, prompt: prompt, outputs: wanted).numbered(client * images + index)
                }
            }
        }
        let security = try securityOptions.load()
        let policy =
            retry
            ? RetryPolicy(timeout: .seconds(timeout))
            : RetryPolicy(timeout: .seconds(timeout), tries: 1, patience: .zero)
        let scorers = try (0..<clients).map { _ in try RemoteScorer(server, policy: policy, security: security) }
        let load = LoadRun(clients: clients, length: .seconds(seconds), rate: rate, seed: seed)
        for (scorer, requests) in zip(scorers, everyone) {
            ThreadStart.detached {
                load.warmedUp(LoadRun.codes(scorer.predict(requests[0])))
                while let arrival = load.next() {
                    let started = ContinuousClock.now
                    let codes = LoadRun.codes(scorer.predict(requests[arrival.number % requests.count]))
                    load.add(images: images, codes: codes, due: arrival.due ?? started, started: started)
                }
                load.leave()
            }
        }
        let report = load.wait()
        print(format == .json ? report.json.text : report.table)
        if report.failures > 0 { throw ExitCode.failure }
    }
}

/// What a load test sends.
enum LoadImages {
    static func sizes(_ text: String?) throws -> [(width: Int, height: Int)] {
        try (text ?? "").split(separator: ",").map { size in
            let parts = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
            guard parts.count == 2, let width = parts[0], let height = parts[1], (1...16_384).contains(width),
                (1...16_384).contains(height)
            else { throw ValidationError("--sizes takes WIDTHxHEIGHT up to 16384, not '\(size)'") }
            return (width, height)
        }
    }

    static func make(file: String?, sizes: [(width: Int, height: Int)]) throws -> [Image] {
        let original = try file.map { try PredictionItem(encodedImage: try WholeFile.read($0), prompt: "a").image }
        guard !sizes.isEmpty else { return [original ?? pattern(width: 512, height: 512)] }
        return sizes.map { width, height in
            guard let original else { return pattern(width: width, height: height) }
            let resampler = Resampler(
                fromWidth: original.width, fromHeight: original.height, toWidth: width, toHeight: height,
                filter: .bilinear)
            let octets = resampler.apply(original).map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
            return Image(width: width, height: height, rgb: octets)
        }
    }

    /// Slopes and stripes: something that is the same everywhere and no flat colour.
    private static func pattern(width: Int, height: Int) -> Image {
        var octets = [UInt8](repeating: 0, count: width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                let start = (y * width + x) * 3
                octets[start] = UInt8(x * 255 / width)
                octets[start + 1] = UInt8(y * 255 / height)
                octets[start + 2] = (x / 16 + y / 16) % 2 == 0 ? 64 : 192
            }
        }
        return Image(width: width, height: height, rgb: octets)
    }
}
