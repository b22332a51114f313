import FoundationEssentials
import Glibc
import RewardImage
import RewardModel
import RewardTestSupport
import Testing

/// `make-inpaint-masks` as built, on real files.
@Suite struct MakeInpaintMasksTests {
    static let model = Fixtures.path("RewardModelTests", "golden-multi-port")

    struct Index: Decodable {
        struct Entry: Decodable {
            struct Region: Decodable {
                var box: [Int]
                var crop: [Int]
                var area: Int
                var peak: Float
                var mean: Float
                var centroid: [Float]
            }
            struct Problem: Decodable {
                var code: String
                var message: String
            }
            var stem: String
            var status: String
            var reason: String?
            var masks: [String]?
            var regions: [Region]?
            var error: Problem?
        }
        var complete: Bool
        var images: [Entry]
    }

    static func index(_ folder: TemporaryFolder, _ name: String = "out/regions.json") throws -> Index {
        try JSONDecoder().decode(Index.self, from: Data(try folder.read(name)))
    }

    /// Pictures `one.png` (48×32), `two.png` (64×64) and `flat.png` with heatmaps of 16×16: a spot in the first, two in
    /// the second, nothing in the third.
    static func pictures() throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for (name, width, height) in [("one", 48, 32), ("two", 64, 64), ("flat", 32, 32)] {
            let pixels = (0..<width * height * 3).map { UInt8($0 * 7 % 251) }
            try folder.write(PNGEncoder.encode(Image(width: width, height: height, rgb: pixels)), "in/\(name).png")
        }
        func heat(_ spots: [(x: Int, y: Int)]) -> [UInt8] {
            var values = [Float](repeating: 0.1, count: 256)
            for spot in spots {
                for y in spot.y..<spot.y + 4 { for x in spot.x..<spot.x + 4 { values[y * 16 + x] = 0.9 } }
            }
            return NPYEncoder.encode(values, shape: [16, 16])
        }
        try folder.write(heat([(4, 4)]), "heat/one.implausibility.npy")
        try folder.write(heat([(1, 1), (10, 9)]), "heat/two.implausibility.npy")
        try folder.write(heat([]), "heat/flat.implausibility.npy")
        return folder
    }

    private static func make(_ folder: TemporaryFolder, _ arguments: [String] = []) -> (output: String, code: Int32) {
        run(
            "make-inpaint-masks",
            ["--images", "\(folder.path)/in", "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/out"]
                + arguments)
    }

    @Test func masksHaveTheStemAndSizeOfTheirImagesAndNothingToRepairHasNoFile() throws {
        let folder = try Self.pictures()
        let result = Self.make(folder, ["--preview", "--dilate", "2"])
        #expect(result.code == 0 && result.output.contains("nothing to repair"))
        #expect(try folder.names("out") == ["one.png", "previews", "regions.json", "two.png"])
        let index = try Self.index(folder)
        #expect(index.complete && index.images.map(\.stem) == ["flat", "one", "two"])
        #expect(index.images.map(\.status) == ["nothing_to_repair", "masked", "masked"])
        for (name, width, height, regions) in [("one", 48, 32, 1), ("two", 64, 64, 2)] {
            let decoded = try ImageDecoder.decode(try folder.read("out/\(name).png"))
            let mask = try Mask(decoded.image)
            #expect(mask.width == width && mask.height == height && decoded.facts == [.greyscale])
            #expect(Set(mask.values) == [0, 255])
            let described = try #require(index.images.first { $0.stem == name }?.regions)
            #expect(described.count == regions && described.reduce(0) { $0 + $1.area } == mask.area)
            let preview = try ImageDecoder.decode(try folder.read("out/previews/\(name).png")).image
            #expect(preview.width == width && preview.height == height)
        }
        // A 4×4 spot at (4, 4) of 16×16 is 12×8 at (12, 8) of 48×32, and grows by 2.
        let spot = try #require(index.images[1].regions?.first)
        #expect(spot.box == [10, 6, 16, 12] && spot.centroid == [17.5, 11.5])
        expectClose([spot.peak], [0.9], absolute: 1e-6)
    }

    @Test func aModelsHeatmapsAndTheSameHeatmapsFromFilesGiveTheSameBytes() throws {
        let folder = try Self.pictures()
        let arguments = ["--model", Self.model, "--prompt", "a red cat"]
        let images = ["one", "two"].map { "\(folder.path)/in/\($0).png" }
        #expect(
            run(
                "rahf",
                ["score", "--heatmaps-to", "\(folder.path)/maps", "--heatmap-format", "npy"] + arguments + images
            )
            .code == 0)
        for choice in ["implausibility", "misalignment", "max", "sum"] {
            let options = ["--heatmap", choice, "--threshold", "p90", "--min-area", "4"]
            let direct = ["--out", "\(folder.path)/a-\(choice)"] + arguments
            let files = ["--out", "\(folder.path)/b-\(choice)", "--heatmaps", "\(folder.path)/maps"]
            #expect(run("make-inpaint-masks", direct + options + images).code == 0)
            #expect(run("make-inpaint-masks", files + options + images).code == 0)
            for name in ["one.png", "two.png"] {
                #expect(try folder.read("a-\(choice)/\(name)") == folder.read("b-\(choice)/\(name)"))
            }
        }
        #expect(try folder.read("a-max/one.png") != folder.read("a-sum/one.png"))
    }

    @Test func everyOptionReachesTheMask() throws {
        let folder = try Self.pictures()
        var seen: Set<[UInt8]> = []
        let variants = [
            [], ["--dilate", "0"], ["--dilate", "-1"], ["--dilate", "12%"], ["--threshold", "0.85"],
            ["--threshold", "otsu", "--dilate", "7"], ["--low", "0.2"], ["--low", "p60", "--dilate", "3"],
            ["--keep", "1"], ["--keep", "1", "--keep-by", "area", "--dilate", "4"], ["--open", "3"],
            ["--close", "20"], ["--element", "square"], ["--element", "cross", "--dilate", "6"], ["--feather", "2"],
            ["--offset", "-3,5"], ["--invert"], ["--threshold", "p90"],
        ]
        for variant in variants {
            let result = Self.make(folder, variant)
            #expect(result.code == 0, "\(variant): \(result.output)")
            #expect(seen.insert(try folder.read("out/two.png")).inserted, "\(variant) changes nothing")
        }
        #expect(Self.make(folder, ["--per-region"]).code == 0)
        #expect(try folder.names("out") == ["one.1.png", "regions.json", "two.1.png", "two.2.png"])
        #expect(Self.make(folder, ["--min-area", "10%"]).output.contains("under the least area"))
        #expect(Self.make(folder, ["--max-area", "5%"]).output.contains("generate the image anew"))
        let wide = try {
            _ = Self.make(folder, ["--padding", "0", "--snap", "1"]); return try Self.index(folder)
        }()
        #expect(wide.images[1].regions?.first.map { $0.crop == $0.box } == true)
        let snapped = try {
            _ = Self.make(folder, ["--padding", "5", "--snap", "16"]); return try Self.index(folder)
        }()
        #expect(snapped.images[1].regions?.first?.crop.allSatisfy { $0 % 16 == 0 } == true)
    }

    @Test func aRunCanBeRepeatedAndRemovesWhatNoLongerHolds() throws {
        let folder = try Self.pictures()
        #expect(Self.make(folder).code == 0)
        let before = try ["one.png", "two.png", "regions.json"].map { try folder.read("out/\($0)") }
        #expect(Self.make(folder).code == 0)
        #expect(try ["one.png", "two.png", "regions.json"].map { try folder.read("out/\($0)") } == before)
        // What a killed run leaves: an index that names its stems, and some of its masks.
        try folder.write(
            Array(#"{"tool":"make-inpaint-masks","complete":false,"stems":["flat","one","two"]}"#.utf8),
            "out/regions.json")
        #expect(Self.make(folder).code == 0)
        #expect(try ["one.png", "two.png", "regions.json"].map { try folder.read("out/\($0)") } == before)
        #expect(Self.make(folder, ["--threshold", "0.95"]).code == 0)
        #expect(try folder.names("out") == ["regions.json"])
    }

    @Test func nobodysFilesAreOverwritten() throws {
        let folder = try Self.pictures()
        try folder.write([1, 2, 3], "out/two.png")
        let refused = Self.make(folder)
        #expect(refused.code != 0 && refused.output.contains("two.png exists"))
        #expect(try folder.read("out/two.png") == [1, 2, 3])
        // The images' own folder: the masks would have the images' names.
        let image = try folder.read("in/one.png")
        let inPlace = run(
            "make-inpaint-masks",
            ["--images", "\(folder.path)/in", "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/in"])
        #expect(inPlace.code != 0)
        #expect(try folder.read("in/one.png") == image)
        try folder.write(Array("{}".utf8), "other/regions.json")
        let other = run(
            "make-inpaint-masks",
            ["--images", "\(folder.path)/in", "--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/other"])
        #expect(other.code != 0 && other.output.contains("choose another folder"))
    }

    @Test func aBrokenInputCostsOnlyItself() throws {
        let folder = try Self.pictures()
        func heat(_ width: Int, _ height: Int, _ value: Float) -> [UInt8] {
            NPYEncoder.encode([Float](repeating: value, count: width * height), shape: [height, width])
        }
        let picture = try folder.read("in/two.png")
        for name in ["nan", "shape", "missing", "cut", "colour"] { try folder.write(picture, "in/\(name).png") }
        try folder.write([0x89, 0x50], "in/broken.png")
        try folder.write(heat(8, 8, .nan), "heat/nan.implausibility.npy")
        try folder.write(heat(8, 3, 0), "heat/shape.implausibility.npy")
        try folder.write(Array(heat(8, 8, 0).dropLast()), "heat/cut.implausibility.npy")
        try folder.write(picture, "heat/colour.implausibility.png")
        let result = Self.make(folder)
        #expect(result.code == 1)
        let index = try Self.index(folder)
        func error(_ stem: String) -> String { index.images.first { $0.stem == stem }?.error?.message ?? "" }
        #expect(index.images.filter { $0.status == "masked" }.map(\.stem) == ["one", "two"])
        #expect(index.images.filter { $0.status == "error" }.count == 6)
        #expect(error("nan").contains("nan") && error("shape").contains("8×3"))
        #expect(error("missing").contains("exists") && error("cut").contains("bytes"))
        #expect(error("colour").contains("colour") && !error("broken").isEmpty)
    }

    @Test func collidingStemsAreRefusedBeforeAnyWork() throws {
        let folder = try Self.pictures()
        try folder.write(try folder.read("in/one.png"), "more/one.webp")
        let result = run(
            "make-inpaint-masks",
            ["--heatmaps", "\(folder.path)/heat", "--out", "\(folder.path)/out"]
                + ["in/one.png", "more/one.webp"].map { "\(folder.path)/\($0)" })
        #expect(result.code == 64 && result.output.contains("one.png"))
        #expect(!folder.exists("out"))
    }

    @Test(arguments: [
        ["--threshold", "2"], ["--threshold", "p200"], ["--low", "otsu"], ["--min-area", "-1"], ["--keep", "0"],
        ["--open", "-1"], ["--snap", "0"], ["--padding", "-1"], ["--offset", "3"], ["--element", "star"],
        ["--feather", "nan"], ["--candidates", "0"], ["--inpaint-command", "run"], ["--merge", "--per-region"],
        ["--heatmap", "both"], ["--list", "/dev/null"], ["--inpaint-timeout", "0"], ["--outside-share", "2"],
    ])
    func wrongUsageExitsWith64(arguments: [String]) throws {
        let folder = try Self.pictures()
        #expect(Self.make(folder, arguments).code == 64)
        #expect(!folder.exists("out"))
    }
}
